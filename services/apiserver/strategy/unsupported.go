package strategy

import "google.golang.org/protobuf/reflect/protoreflect"

// gaps lists, for a message, fields that are stored and served but that nothing in Kaji acts on yet, with what
// becomes of them. Paths are written in JSON names from the message on; elements of lists and maps are meant by
// the name of the list. A path to a message covers everything below it.
//
// docs/compatibility.md is generated from this table (tools/compatibility). Whoever makes one of these fields
// work deletes its line.
type gap struct {
	path string
	why  string
}

func gapsOf(m protoreflect.FullName) []gap { return nil }

type warner struct{}

func unsupportedOf(protoreflect.FullName) *warner { return &warner{} }

func (*warner) warnings(any) []string { return nil }
