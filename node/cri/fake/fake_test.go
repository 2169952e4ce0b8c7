package fake_test

import (
	"testing"

	"kaji.dev/kaji/node/cri/fake"
	"kaji.dev/kaji/node/cri/suite"
)

func TestFakeIsLikeARuntime(t *testing.T) {
	r := fake.New("image")
	suite.Run(t, suite.Setup{Client: func(node string) suite.Runtime { return r.Client(node) }, Image: "image", Missing: "none", LogRoot: t.TempDir()})
}
