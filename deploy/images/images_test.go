package images

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/hashicorp/go-hclog"
)

func TestPauseRunsUntilKilled(t *testing.T) {
	b, err := pauseELF("amd64")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "pause")
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Its SIGCHLD is ignored once its first system call is through; until then it has only begun.
	deadline := time.Now().Add(10 * time.Second)
	for {
		st, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), "status"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(st), "SigIgn:\t0000000000010000") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("SIGCHLD is not ignored:\n%s", st)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	ee, ok := err.(*exec.ExitError)
	if !ok || ee.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("ended with %v, want SIGTERM", err)
	}
	if _, err := pauseELF("vax"); err == nil {
		t.Error("an unknown architecture got a program")
	}
}

func TestEqualSpecsMakeEqualImages(t *testing.T) {
	spec := Spec{Files: map[string]File{"/a/b": {Data: []byte("x"), Mode: 0o644}, "/bin/sh": {Link: "/a/b"}}, Entrypoint: []string{"/a/b"}}
	one, err := Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	two, err := Build(spec)
	if err != nil {
		t.Fatal(err)
	}
	d1, _ := one.Digest()
	d2, _ := two.Digest()
	if d1 != d2 {
		t.Errorf("%s and %s", d1, d2)
	}
	if _, err := Build(Spec{}); err == nil {
		t.Error("an empty image was made")
	}
}

func TestRegistryServesWhatIsPutInItsDirectory(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	dir := Dir(t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Config{Address: addr, Dir: dir, BlobDir: filepath.Join(t.TempDir(), "blobs")}, hclog.NewNullLogger())
	}()
	img, err := Pause()
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.Put("kaji/pause:1", img); err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(addr + "/kaji/pause:1")
	if err != nil {
		t.Fatal(err)
	}
	got, err := remote.Image(ref)
	for i := 0; err != nil && i < 100; i++ {
		got, err = remote.Image(ref)
	}
	if err != nil {
		t.Fatal(err)
	}
	want, _ := img.Digest()
	if d, _ := got.Digest(); d != want {
		t.Errorf("digest %s, want %s", d, want)
	}
	other, err := Build(Spec{Files: map[string]File{"/x": {Data: []byte("x")}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, other); err == nil {
		t.Error("a push over the network was accepted")
	}
	resp, err := http.Get("http://" + addr + "/v2/kaji/none/manifests/1")
	if err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("%v %v", resp, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestImport(t *testing.T) {
	from, to := Dir(t.TempDir()), Dir(t.TempDir())
	img, err := Pause()
	if err != nil {
		t.Fatal(err)
	}
	if err := from.Put("a/b:2", img); err != nil {
		t.Fatal(err)
	}
	entries, err := from.entries()
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	var seen []Progress
	names, err := to.Import(entries[0].path, func(p Progress) { seen = append(seen, p) })
	if err != nil || len(names) != 1 || names[0] != "a/b:2" {
		t.Errorf("%v %v", names, err)
	}
	for i, p := range seen {
		if p.Image != "a/b:2" || p.Complete > p.Total || i > 0 && p.Complete < seen[i-1].Complete {
			t.Errorf("progress %+v of %+v", p, seen)
		}
	}
	if n := len(seen); n == 0 || seen[n-1].Complete != seen[n-1].Total || seen[n-1].Total != entries[0].info.Size() {
		t.Errorf("progress %+v, and the archive has %d bytes", seen, entries[0].info.Size())
	}
	if err := to.Put("ghcr.io/a/b:2", img); err == nil {
		t.Error("a name with a registry was taken")
	}
}

func TestNoPlainRegistryOffLoopback(t *testing.T) {
	c := Config{Address: "0.0.0.0:1", Dir: "d", BlobDir: "b"}
	if err := c.Validate(); err == nil {
		t.Error("a plain registry may listen on every address")
	}
}
