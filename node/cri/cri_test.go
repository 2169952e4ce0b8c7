package cri_test

import (
	"context"
	"testing"
	"time"

	"kaji.dev/kaji/node/cri"
	"kaji.dev/kaji/node/cri/suite"
	"kaji.dev/kaji/node/internal/runtimetest"
)

func TestContainerd(t *testing.T) {
	if err := runtimetest.Available(); err != nil {
		t.Skip(err)
	}
	machine, err := runtimetest.Start(2)
	if err != nil {
		if machine != nil {
			t.Log(machine.Log())
			machine.Stop()
		}
		t.Fatal(err)
	}
	defer machine.Stop()
	suite.Run(t, suite.Setup{
		Client: func(node string) suite.Runtime {
			c, err := machine.Client(node)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			return c
		},
		Image: machine.Image, Missing: machine.Registry + "/none:1", LogRoot: t.TempDir(),
	})
	t.Run("events", func(t *testing.T) {
		c, err := machine.Client("x")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		// containerd tells events from 1.7 on; before, it says so.
		if err := c.Events(ctx, func(string) {}); !cri.IsUnsupported(err) && ctx.Err() == nil {
			t.Errorf("%v", err)
		}
	})
	machine.Kill()
	c, err := machine.Client("x")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Version(context.Background()); !cri.IsUnavailable(err) {
		t.Errorf("a runtime that is not there: %v", err)
	}
	if err := machine.Up(); err != nil {
		t.Fatal(err)
	}
}
