package suite

import (
	"time"

	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/cri"
	"kaji.dev/kaji/node/observed"
)

func who(b *bench) {
	v, err := b.Version(b.ctx)
	b.must(err)
	h, err := b.Health(b.ctx)
	b.must(err)
	if v.Name == "" || v.Version == "" || !h.Runtime.OK || !h.Network.OK {
		b.Errorf("%v %+v", v, h)
	}
}

func images(b *bench) {
	img, err := b.Image(b.ctx, b.s.Image)
	b.must(err)
	if img == nil || img.ID == "" {
		b.Errorf("%+v", img)
	}
	if img, err := b.Image(b.ctx, b.s.Missing); err != nil || img != nil {
		b.Errorf("an image that is not there: %v %v", img, err)
	}
	if _, err := b.Pull(b.ctx, b.s.Missing, nil); err == nil {
		b.Error("an image that is nowhere was pulled")
	}
}

func sandboxLife(b *bench) {
	id, _ := b.sandbox("life")
	s, err := b.Sandbox(b.ctx, id)
	b.must(err)
	if !s.Ready || !s.Inspected || len(s.IPs) == 0 || s.PodUID != "life" || s.PodName != "p-life" || s.PodNamespace != "suite" || s.HostNetwork || s.Annotations["a"] != "b" {
		b.Errorf("%+v", s)
	}
	all, err := b.Sandboxes(b.ctx, "life")
	b.must(err)
	if len(all) != 1 || all[0].ID != id || !all[0].Ready || all[0].Inspected || all[0].PodUID != "life" {
		b.Errorf("%+v", all)
	}
	for range 2 { // the second time is no error
		b.must(b.StopSandbox(b.ctx, id))
	}
	if s, err = b.Sandbox(b.ctx, id); err != nil || s.Ready {
		b.Errorf("stopped: %+v %v", s, err)
	}
	for range 2 {
		b.must(b.RemoveSandbox(b.ctx, id))
	}
	if all, err = b.Sandboxes(b.ctx, "life"); err != nil || len(all) != 0 {
		b.Errorf("removed: %+v %v", all, err)
	}
}

func containerLife(b *bench) {
	box, cfg := b.sandbox("clife")
	id, err := b.container(box, cfg, 0, forever)
	b.must(err)
	c, err := b.Container(b.ctx, id)
	b.must(err)
	if c.State != observed.Created || c.Name != "c" || c.PodUID != "clife" || c.Annotations["x"] != "y" || !c.Inspected {
		b.Errorf("created: %+v", c)
	}
	b.must(b.StartContainer(b.ctx, id))
	if c, err = b.Container(b.ctx, id); err != nil || c.State != observed.Running || c.StartedAt.IsZero() || c.ImageID == "" || c.LogPath != cfg.LogDirectory+"/c-0.log" {
		b.Errorf("running: %+v %v", c, err)
	}
	all, err := b.Containers(b.ctx, "clife")
	b.must(err)
	if len(all) != 1 || all[0].ID != id || all[0].State != observed.Running || all[0].SandboxID != box || all[0].Inspected || all[0].PodName != "p-clife" {
		b.Errorf("%+v", all)
	}
	if err := b.StartContainer(b.ctx, id); err == nil {
		b.Error("a running container was started")
	}
	for range 2 {
		b.must(b.StopContainer(b.ctx, id, 10*time.Second))
	}
	if c, err = b.Container(b.ctx, id); err != nil || c.State != observed.Exited || c.FinishedAt.Before(c.StartedAt) {
		b.Errorf("stopped: %+v %v", c, err)
	}
	for range 2 {
		b.must(b.RemoveContainer(b.ctx, id))
	}
	if all, err = b.Containers(b.ctx, "clife"); err != nil || len(all) != 0 {
		b.Errorf("removed: %+v %v", all, err)
	}
}

func exits(b *bench) {
	box, cfg := b.sandbox("exits")
	id := b.started(box, cfg, "exit 3")
	if c := b.awaitExit(id); c.ExitCode != 3 || c.Reason != "Error" || c.FinishedAt.IsZero() {
		b.Errorf("%+v", c)
	}
	again, err := b.container(box, cfg, 1, "exit 0")
	b.must(err)
	b.must(b.StartContainer(b.ctx, again))
	if c := b.awaitExit(again); c.ExitCode != 0 || c.Reason != "Completed" || c.Attempt != 1 {
		b.Errorf("%+v", c)
	}
}

func names(b *bench) {
	box, cfg := b.sandbox("names")
	if id, err := b.RunSandbox(b.ctx, b.box("names", 0), ""); err == nil {
		b.Errorf("a second sandbox of one attempt: %s", id)
	}
	first, err := b.container(box, cfg, 0, forever)
	b.must(err)
	if id, err := b.container(box, cfg, 0, forever); err == nil {
		b.Errorf("a second container of one attempt: %s", id)
	}
	b.must(b.RemoveContainer(b.ctx, first))
	if _, err := b.container(box, cfg, 0, forever); err != nil {
		b.Errorf("after the first was removed: %v", err)
	}
}

func together(b *bench) {
	box, cfg := b.sandbox("together")
	id := b.started(box, cfg, forever)
	b.must(b.StopSandbox(b.ctx, box))
	if c := b.awaitExit(id); c.ExitCode == 0 {
		b.Logf("it ended by itself: %+v", c)
	}
	b.must(b.RemoveSandbox(b.ctx, box))
	if all, err := b.Containers(b.ctx, "together"); err != nil || len(all) != 0 {
		b.Errorf("%+v %v", all, err)
	}
}

func apart(b *bench) {
	id, _ := b.sandbox("apart")
	for who, want := range map[string]int{node: 1, "": 1, "other": 0} {
		all, err := b.s.Client(who).Sandboxes(b.ctx, "apart")
		b.must(err)
		if len(all) != want || want == 1 && all[0].ID != id {
			b.Errorf("%q sees %+v", who, all)
		}
	}
	all, err := b.Sandboxes(b.ctx, "")
	b.must(err)
	if len(all) == 0 {
		b.Error("a listing without a pod is empty")
	}
}

func notThere(b *bench) {
	if _, err := b.Sandbox(b.ctx, "none"); !cri.IsNotFound(err) {
		b.Errorf("sandbox: %v", err)
	}
	if _, err := b.Container(b.ctx, "none"); !cri.IsNotFound(err) {
		b.Errorf("container: %v", err)
	}
	if err := b.StartContainer(b.ctx, "none"); !cri.IsNotFound(err) {
		b.Errorf("start: %v", err)
	}
	if _, _, _, err := b.ExecSync(b.ctx, "none", []string{"true"}, time.Second); !cri.IsNotFound(err) {
		b.Errorf("exec: %v", err)
	}
	for what, err := range map[string]error{"stop sandbox": b.StopSandbox(b.ctx, "none"), "remove sandbox": b.RemoveSandbox(b.ctx, "none"),
		"stop container": b.StopContainer(b.ctx, "none", 0), "remove container": b.RemoveContainer(b.ctx, "none")} {
		if err != nil && !cri.IsNotFound(err) {
			b.Errorf("%s: %v", what, err)
		}
	}
}

func cannotStart(b *bench) {
	box, cfg := b.sandbox("cannot")
	img, err := b.Image(b.ctx, b.s.Image)
	b.must(err)
	id, err := b.CreateContainer(b.ctx, box, &containerconfig.Container{
		Name: "c", Image: img.ID, ImageName: b.s.Image, Command: []string{"/none"}, Labels: b.labels("cannot", "c"), LogPath: "c.log",
		Security: containerconfig.ContainerSecurity{Namespaces: cfg.Security.Namespaces},
	}, cfg)
	b.must(err)
	if err := b.StartContainer(b.ctx, id); err == nil {
		b.Error("it was started")
	}
	if c, err := b.Container(b.ctx, id); err != nil || c.State != observed.Exited || c.ExitCode != 128 || c.Reason != "StartError" {
		b.Errorf("%+v %v", c, err)
	}
}

func execs(b *bench) {
	box, cfg := b.sandbox("execs")
	id := b.started(box, cfg, forever)
	for script, want := range map[string]int32{"exit 0": 0, "exit 5": 5} {
		if _, _, code, err := b.ExecSync(b.ctx, id, []string{"sh", "-c", script}, 10*time.Second); err != nil || code != want {
			b.Errorf("%s: %d %v", script, code, err)
		}
	}
	b.must(b.StopContainer(b.ctx, id, 5*time.Second))
	if _, _, _, err := b.ExecSync(b.ctx, id, []string{"sh", "-c", "exit 0"}, time.Second); err == nil {
		b.Error("a command ran in a container that has ended")
	}
}
