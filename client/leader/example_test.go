package leader_test

import (
	"context"
	"fmt"

	"kaji.dev/kaji/client/fake"
	"kaji.dev/kaji/client/leader"

	"github.com/hashicorp/go-hclog"
)

// Several processes run this; one at a time does the work.
func ExampleElector_Run() {
	ctx, cancel := context.WithCancel(context.Background())
	elector, err := leader.New(fake.New(), leader.Config{Namespace: "default", Name: "my-controller", Identity: "host-1"}, hclog.NewNullLogger())
	if err != nil {
		panic(err)
	}
	err = elector.Run(ctx, func(ctx context.Context) error {
		fmt.Println("leading")
		cancel()     // here: the process is asked to end
		<-ctx.Done() // ends before anybody else may lead
		return nil
	})
	fmt.Println("ended", err)
	// Output:
	// leading
	// ended <nil>
}
