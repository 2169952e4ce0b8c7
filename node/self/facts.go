// Package self keeps the Node object of the agent's own node: it registers it,
// fills in what the machine and the runtime are, keeps the conditions true, and renews the node's Lease.
//
// It owns the node's status and lease and the labels that name the node. It refuses
// to decide what an unhealthy node means: that is for the node lifecycle
// controller. Run it once per agent.
package self

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Facts are what the machine is, as it was when they were read.
type Facts struct {
	CPUs          int
	MemoryBytes   int64
	SwapBytes     int64
	DiskBytes     int64
	HugePages     map[string]int64 // bytes by resource name
	Hostname      string
	Kernel        string
	OSImage       string
	Architecture  string
	MachineID     string
	SystemUUID    string
	BootID        string
	PIDMax        int64
	UserNamespace bool
}

// ReadFacts looks at the machine. The disk is that of the given directory.
func ReadFacts(root string) (Facts, error) {
	f := Facts{CPUs: runtime.NumCPU(), Architecture: runtime.GOARCH, HugePages: map[string]int64{}}
	mem, err := meminfo()
	if err != nil {
		return f, err
	}
	f.MemoryBytes, f.SwapBytes = mem["MemTotal"], mem["SwapTotal"]
	var fs unix.Statfs_t
	if err := unix.Statfs(root, &fs); err != nil {
		return f, fmt.Errorf("the disk of %s: %w", root, err)
	}
	f.DiskBytes = int64(fs.Blocks) * fs.Bsize
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return f, err
	}
	f.Kernel, f.Hostname = text(u.Release[:]), text(u.Nodename[:])
	f.OSImage = osImage()
	f.MachineID = word("/etc/machine-id")
	f.SystemUUID = word("/sys/class/dmi/id/product_uuid")
	if f.SystemUUID == "" {
		f.SystemUUID = f.MachineID
	}
	f.BootID = word("/proc/sys/kernel/random/boot_id")
	f.PIDMax, _ = strconv.ParseInt(word("/proc/sys/kernel/pid_max"), 10, 64)
	f.HugePages = hugePages()
	return f, nil
}

// hugePages are the preallocated ones, by the resource's name.
func hugePages() map[string]int64 {
	const dir = "/sys/kernel/mm/hugepages"
	out := map[string]int64{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return out
	}
	for _, e := range entries {
		kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(e.Name(), "hugepages-"), "kB"), 10, 64)
		n, err2 := strconv.ParseInt(word(dir+"/"+e.Name()+"/nr_hugepages"), 10, 64)
		if err != nil || err2 != nil {
			continue
		}
		size := strconv.FormatInt(kb/1024, 10) + "Mi"
		if kb >= 1<<20 {
			size = strconv.FormatInt(kb>>20, 10) + "Gi"
		}
		out["hugepages-"+size] = n * kb * 1024
	}
	return out
}

// Pressure is how short the machine is of what pods need.
type Pressure struct {
	MemoryAvailable int64
	DiskAvailable   int64
	InodesFree      uint64
	Inodes          uint64
	Processes       int64
}

// ReadPressure looks at the machine as it is now.
func ReadPressure(root string) (Pressure, error) {
	var p Pressure
	mem, err := meminfo()
	if err != nil {
		return p, err
	}
	p.MemoryAvailable = mem["MemAvailable"]
	var fs unix.Statfs_t
	if err := unix.Statfs(root, &fs); err != nil {
		return p, err
	}
	p.DiskAvailable = int64(fs.Bavail) * fs.Bsize
	p.InodesFree, p.Inodes = fs.Ffree, fs.Files
	// The fourth word is running/total of schedulable entities.
	if w := strings.Fields(word("/proc/loadavg")); len(w) >= 4 {
		_, total, _ := strings.Cut(w[3], "/")
		p.Processes, _ = strconv.ParseInt(total, 10, 64)
	}
	return p, nil
}

// meminfo is /proc/meminfo in bytes.
func meminfo() (map[string]int64, error) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	sc := bufio.NewScanner(bytes.NewReader(b))
	for sc.Scan() {
		f := strings.Fields(sc.Text())
		if len(f) < 2 {
			continue
		}
		n, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			continue
		}
		if len(f) > 2 {
			n *= 1024
		}
		out[strings.TrimSuffix(f[0], ":")] = n
	}
	return out, sc.Err()
}

func osImage() string {
	b, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "Linux"
	}
	for l := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(l), "PRETTY_NAME="); ok {
			return strings.Trim(v, `"'`)
		}
	}
	return "Linux"
}

// word is the content of a small file; empty when it cannot be read.
func word(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}
