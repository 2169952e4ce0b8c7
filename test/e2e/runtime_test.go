package e2e

import (
	"context"
	"fmt"

	"kaji.dev/kaji/node/cri"
)

// noSandboxes says which sandboxes the runtime still has, in whatever state.
func (c *Cluster) noSandboxes() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, node := range c.cfg.NodeNames() {
		rt, err := cri.Dial(c.cfg.Endpoint(), node)
		if err != nil {
			return err
		}
		boxes, err := rt.Sandboxes(ctx, "")
		rt.Close()
		if err != nil {
			return err
		}
		if len(boxes) > 0 {
			return fmt.Errorf("%s has %d sandboxes", node, len(boxes))
		}
	}
	return nil
}

// containers are the running containers of the example: pod uid and name to container id.
func (c *Cluster) containers() (map[string]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out := map[string]string{}
	for _, node := range c.cfg.NodeNames() {
		rt, err := cri.Dial(c.cfg.Endpoint(), node)
		if err != nil {
			return nil, err
		}
		all, err := rt.Containers(ctx, "")
		rt.Close()
		if err != nil {
			return nil, err
		}
		for _, ctr := range all {
			out[fmt.Sprint(ctr.PodUID, "/", ctr.Name)] = ctr.ID
		}
	}
	return out, nil
}
