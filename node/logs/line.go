// Package logs reads, follows, rotates and removes the log files that container
// runtimes write in the format of CRI: one line each, as
//
//	2026-01-02T15:04:05.999999999Z stdout F text
//
// where P in place of F says that the line goes on in the next one.
//
// It refuses to know pods: callers give paths. Functions may be called concurrently; a
// file is rotated by one Rotator at a time.
package logs

import (
	"bytes"
	"errors"
	"time"
)

// line is one line of a log file.
type line struct {
	stamp  []byte // as written
	stream []byte // stdout, stderr
	whole  bool   // ends with a line break in the container's output
	text   []byte // without a line break
}

var errFormat = errors.New("not a line of a CRI log")

func parse(b []byte) (line, error) {
	b = bytes.TrimSuffix(b, []byte("\n"))
	stamp, rest, ok := bytes.Cut(b, []byte(" "))
	if !ok {
		return line{}, errFormat
	}
	stream, rest, ok := bytes.Cut(rest, []byte(" "))
	if !ok {
		return line{}, errFormat
	}
	tags, text, ok := bytes.Cut(rest, []byte(" "))
	if !ok {
		tags = rest // an empty line may lack the last space
	}
	tag, _, _ := bytes.Cut(tags, []byte(":"))
	if string(tag) != "F" && string(tag) != "P" {
		return line{}, errFormat
	}
	return line{stamp: stamp, stream: stream, whole: string(tag) == "F", text: text}, nil
}

func (l line) time() (time.Time, error) { return time.Parse(time.RFC3339Nano, string(l.stamp)) }
