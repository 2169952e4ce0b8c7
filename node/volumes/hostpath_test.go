package volumes

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestHostPath(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	none := filepath.Join(dir, "none")
	for _, c := range []struct {
		path, kind string
		ok         bool
	}{
		{dir, "", true},
		{none, "", true}, // unchecked: the runtime decides
		{dir, "Directory", true},
		{file, "Directory", false},
		{none, "Directory", false},
		{dir, "DirectoryOrCreate", true},
		{file, "DirectoryOrCreate", false},
		{file, "File", true},
		{dir, "File", false},
		{socket, "File", false},
		{none, "File", false},
		{file, "FileOrCreate", true},
		{dir, "FileOrCreate", false},
		{filepath.Join(none, "f"), "FileOrCreate", false},
		{socket, "Socket", true},
		{file, "Socket", false},
		{"/dev/null", "CharDevice", true},
		{file, "CharDevice", false},
		{"/dev/null", "BlockDevice", false},
		{dir, "Folder", false},
		{"relative", "", false},
		{dir + "/../x", "", false},
	} {
		v, err := mountHostPath(hostPathVolume("h", c.path, c.kind))
		if (err == nil) != c.ok {
			t.Errorf("%s as %q: %v, want ok = %v", c.path, c.kind, err, c.ok)
		}
		if err == nil && (v.HostPath != c.path || v.ReadOnly || v.SELinuxRelabel) {
			t.Errorf("%s as %q gives %+v", c.path, c.kind, v)
		}
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "x" {
		t.Errorf("FileOrCreate changed a file that was there: %q, %v", data, err)
	}
}

func TestHostPathCreates(t *testing.T) {
	w := newWorld(t)
	base := t.TempDir()
	dir, file := filepath.Join(base, "a/b"), filepath.Join(base, "f")
	w.mountOK(newPod("u1", hostPathVolume("d", dir, "DirectoryOrCreate"), hostPathVolume("f", file, "FileOrCreate")))
	wantMode(t, dir, 0o755)
	wantMode(t, file, 0o644)
	w.unmountOK("u1")
	for _, path := range []string{dir, file} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("the host's own path went with the pod: %v", err)
		}
	}
}
