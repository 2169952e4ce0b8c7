package images

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// pauseCode is the program of the sandbox container, per architecture: ignore SIGCHLD, which makes the kernel
// reap the orphans of a shared process namespace, then sleep for ever. It holds the pod's namespaces at the
// cost of one page of memory; a Go program would take a few megabytes and milliseconds for the same.
var pauseCode = map[string][]byte{
	"amd64": {
		0xb8, 0x0d, 0, 0, 0, // mov eax, 13 (rt_sigaction)
		0xbf, 0x11, 0, 0, 0, // mov edi, 17 (SIGCHLD)
		0x48, 0x8d, 0x35, 0x13, 0, 0, 0, // lea rsi, [rip+act]
		0x31, 0xd2, // xor edx, edx
		0x41, 0xba, 0x08, 0, 0, 0, // mov r10d, 8
		0x0f, 0x05, // syscall
		0xb8, 0x22, 0, 0, 0, // again: mov eax, 34 (pause)
		0x0f, 0x05, // syscall
		0xeb, 0xf7, // jmp again
		// act: struct kernel_sigaction with handler SIG_IGN
		1, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	},
}

var elfMachine = map[string]uint16{"amd64": 0x3e}

// Pause makes the image of the sandbox container.
func Pause() (v1.Image, error) {
	b, err := pauseELF(runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	return Build(Spec{
		Files:      map[string]File{"/pause": {Data: b, Mode: 0o755}},
		Entrypoint: []string{"/pause"},
		User:       "65535:65535",
	})
}

// pauseELF wraps the code in the smallest ELF executable: file header, one program header, code.
func pauseELF(arch string) ([]byte, error) {
	code, ok := pauseCode[arch]
	if !ok {
		return nil, fmt.Errorf("no sandbox program for %s; name a pause image with --sandbox-image", arch)
	}
	const base, headers = 0x400000, 64 + 56
	size := uint64(headers + len(code))
	var b bytes.Buffer
	b.Write([]byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	for _, v := range []any{
		uint16(2), elfMachine[arch], uint32(1), // executable, machine, version
		uint64(base + headers), uint64(64), uint64(0), // entry, program headers, section headers
		uint32(0), uint16(64), uint16(56), uint16(1), uint16(0), uint16(0), uint16(0),
		uint32(1), uint32(5), // PT_LOAD, readable and executable
		uint64(0), uint64(base), uint64(base), size, size, uint64(0x1000),
	} {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			return nil, err
		}
	}
	b.Write(code)
	return b.Bytes(), nil
}
