package cli_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// runHere lets exec run the command on this machine, as a container would.
func runHere(start *corev1.PodExecStart, stream grpc.BidiStreamingServer[corev1.PodExecRequest, corev1.PodExecResponse]) error {
	command := start.GetOptions().GetCommand()
	run := exec.CommandContext(stream.Context(), command[0], command[1:]...)
	var out, errs bytes.Buffer
	run.Stdout, run.Stderr = &out, &errs
	if start.GetOptions().GetStdin() {
		reader, writer := io.Pipe()
		run.Stdin = reader
		go func() {
			for {
				m, err := stream.Recv()
				if err != nil || m.GetCloseStdin() {
					writer.Close()
					return
				}
				if _, err := writer.Write(m.GetStdin()); err != nil {
					return
				}
			}
		}()
	}
	code := 0
	if err := run.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			return stream.Send(&corev1.PodExecResponse{Message: &corev1.PodExecResponse_Exit{Exit: &corev1.PodExecExit{Code: 127, Message: err.Error()}}})
		}
		code = exit.ExitCode()
	}
	for b := out.Bytes(); len(b) > 0; {
		n := min(len(b), 1000)
		if err := stream.Send(&corev1.PodExecResponse{Message: &corev1.PodExecResponse_Stdout{Stdout: b[:n]}}); err != nil {
			return err
		}
		b = b[n:]
	}
	if err := stream.Send(&corev1.PodExecResponse{Message: &corev1.PodExecResponse_Stderr{Stderr: errs.Bytes()}}); err != nil {
		return err
	}
	return stream.Send(&corev1.PodExecResponse{Message: &corev1.PodExecResponse_Exit{Exit: &corev1.PodExecExit{Code: int32(code)}}})
}

func TestCp(t *testing.T) {
	s, n := newNode(t)
	n.exec = runHere
	here, there := t.TempDir(), t.TempDir()
	big := strings.Repeat("0123456789\n", 20000)
	put := func(file, text string, mode os.FileMode) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	has := func(file, want string) {
		t.Helper()
		if b, err := os.ReadFile(file); err != nil || string(b) != want {
			t.Errorf("%s: %d bytes, %v; want %d", file, len(b), err, len(want))
		}
	}
	put(filepath.Join(here, "site/index.html"), "hello", 0o644)
	put(filepath.Join(here, "site/deep/run.sh"), big, 0o755)
	if err := os.Symlink("deep/run.sh", filepath.Join(here, "site/link")); err != nil {
		t.Fatal(err)
	}
	// Into a folder, to a new name, over a file.
	same(t, s.ok("cp", filepath.Join(here, "site"), "web-1:"+there), "")
	has(filepath.Join(there, "site/index.html"), "hello")
	has(filepath.Join(there, "site/link"), big)
	s.ok("cp", filepath.Join(here, "site/index.html"), "default/web-1:"+there+"/start.html")
	has(filepath.Join(there, "start.html"), "hello")
	s.ok("cp", filepath.Join(here, "site/deep/run.sh"), "web-1:"+there+"/start.html", "-c", "web")
	has(filepath.Join(there, "start.html"), big)
	// And back.
	s.ok("cp", "web-1:"+there+"/site", filepath.Join(here, "copy"))
	has(filepath.Join(here, "copy/link"), big)
	if info, err := os.Stat(filepath.Join(here, "copy/deep/run.sh")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info, err)
	}
	s.ok("cp", "web-1:"+there+"/start.html", here)
	has(filepath.Join(here, "start.html"), big)
	// Links that lead out stay there.
	for name, to := range map[string]string{"abs": "/etc/passwd", "up": "../../x"} {
		if err := os.Symlink(to, filepath.Join(there, "site", name)); err != nil {
			t.Fatal(err)
		}
	}
	r := s.run("cp", "web-1:"+there+"/site", filepath.Join(here, "again"))
	if r.code != 0 || strings.Count(r.err, "Warning: left out site/") != 2 {
		t.Errorf("%+v", r)
	}
	if entries, err := os.ReadDir(filepath.Join(here, "again")); err != nil || len(entries) != 3 {
		t.Errorf("%v, %v", entries, err)
	}

	if out := s.ok("__complete", "cp", "web"); !strings.HasPrefix(out, "web-1:\nweb-2:\n:") {
		t.Error(out)
	}
	s.fails([]string{"neither is in a pod"}, "cp", "a", "b")
	s.fails([]string{"one of the two must be here"}, "cp", "web-1:/a", "web-2:/b")
	s.fails([]string{"not of the form POD:PATH"}, "cp", "web-1:", "b")
	s.fails([]string{"no such file"}, "cp", filepath.Join(here, "none"), "web-1:/tmp/x")
	s.fails([]string{"tar in web-1: ", "No such file"}, "cp", "web-1:"+there+"/none", here)
	s.fails([]string{"there is no folder"}, "cp", filepath.Join(here, "start.html"), "web-1:"+there+"/none/")
	s.fails([]string{`web-9" not found`}, "cp", "web-9:/x", here)
	n.exec = func(_ *corev1.PodExecStart, stream grpc.BidiStreamingServer[corev1.PodExecRequest, corev1.PodExecResponse]) error {
		return stream.Send(&corev1.PodExecResponse{Message: &corev1.PodExecResponse_Exit{Exit: &corev1.PodExecExit{Code: 127, Message: "not found"}}})
	}
	s.fails([]string{"the container must have test and tar"}, "cp", "web-1:/x", here)
	s.fails([]string{"the container must have test and tar"}, "cp", here, "web-1:/x")
}
