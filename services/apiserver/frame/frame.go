// Package frame lets the API server answer with bytes that are encoded already.
//
// It owns the gRPC codec that takes a *Message beside ordinary protobuf messages, and the few rules of
// protobuf's wire form needed to put stored objects into answers without decoding them: fields that follow
// each other are merged, so a revision is added to an object by appending a second metadata field, and a
// list or an event is a header followed by the object's bytes.
//
// A Message is immutable once made and may be sent to many streams at the same time.
package frame

import (
	"bytes"
	"fmt"
	"strconv"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	// The codec that ordinary messages are left to.
	protocodec "google.golang.org/grpc/encoding/proto"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// Message is the encoded form of one protobuf message, in pieces.
type Message struct {
	parts mem.BufferSlice
}

// New makes a message of encoded pieces. The pieces must not be changed afterwards.
func New(parts ...[]byte) *Message {
	m := &Message{parts: make(mem.BufferSlice, 0, len(parts))}
	for _, p := range parts {
		m.append(p)
	}
	return m
}

func (m *Message) append(p []byte) {
	if len(p) > 0 {
		m.parts = append(m.parts, mem.SliceBuffer(p))
	}
}

// Len is the number of bytes of the message.
func (m *Message) Len() int { return m.parts.Len() }

// Bytes is the message in one piece; a copy.
func (m *Message) Bytes() []byte { return m.parts.Materialize() }

// Codec is gRPC's protobuf codec, which also sends Messages as they are.
func Codec() encoding.CodecV2 {
	return codec{CodecV2: encoding.GetCodecV2(protocodec.Name)}
}

type codec struct{ encoding.CodecV2 }

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if m, ok := v.(*Message); ok {
		return m.parts, nil
	}
	return c.CodecV2.Marshal(v)
}

// Field numbers of the messages that are put together here. The registry checks them against the
// descriptors of every kind before it serves.
const (
	FieldMetadata        protowire.Number = 1 // of every resource and every list
	FieldResourceVersion protowire.Number = 6 // of ObjectMeta
	FieldListVersion     protowire.Number = 2 // resource_version of ListMeta
	FieldItems           protowire.Number = 2 // of every list
	FieldEventType       protowire.Number = 1 // of every watch response
	FieldEventObject     protowire.Number = 2
	fieldTypeURL         protowire.Number = 1 // of Any
	fieldValue           protowire.Number = 2
)

// AppendRevision appends metadata.resource_version to the bytes of an object. What is appended last wins.
func AppendRevision(object []byte, revision int64) []byte {
	var digits [20]byte
	d := strconv.AppendInt(digits[:0], revision, 10)
	inner := protowire.SizeTag(FieldResourceVersion) + protowire.SizeBytes(len(d))
	object = protowire.AppendTag(object, FieldMetadata, protowire.BytesType)
	object = protowire.AppendVarint(object, uint64(inner))
	object = protowire.AppendTag(object, FieldResourceVersion, protowire.BytesType)
	return protowire.AppendBytes(object, d)
}

// RevisionSize is enough room for what AppendRevision appends.
const RevisionSize = 2 + 2 + 20

// markLength is the length of a mark's text: 64 bits in hexadecimal.
const markLength = 16

// MarkSize is how many bytes AppendMark appends.
const MarkSize = 4 + markLength

// AppendMark appends a mark to the bytes of an object on their way into the store, by which the write that put
// them there can be known. It takes the place of the resourceVersion, which those bytes do not have.
func AppendMark(object []byte, mark uint64) []byte {
	object = append(object, markHead...)
	return fmt.Appendf(object, "%0*x", markLength, mark)
}

// markHead is metadata{resource_version: 16 bytes} up to these bytes.
var markHead = []byte{
	byte(FieldMetadata)<<3 | byte(protowire.BytesType), 2 + markLength,
	byte(FieldResourceVersion)<<3 | byte(protowire.BytesType), markLength,
}

// CutMark takes the mark off the bytes of an object from the store; 0 when there is none.
func CutMark(stored []byte) (object []byte, mark uint64) {
	at := len(stored) - MarkSize
	if at < 0 || !bytes.HasPrefix(stored[at:], markHead) {
		return stored, 0
	}
	mark, err := strconv.ParseUint(string(stored[at+len(markHead):]), 16, 64)
	if err != nil {
		return stored, 0
	}
	return stored[:at:at], mark
}

// fieldVersion is of no message: bytes in the store that begin with it say which version of their kind they are.
const fieldVersion protowire.Number = 536_870_911

// AppendVersion begins the bytes of an object on their way into the store with the version of its kind that they are.
func AppendVersion(b []byte, version string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, fieldVersion, protowire.BytesType), version)
}

// CutVersion takes the version off the bytes of an object from the store; empty when they name none.
func CutVersion(stored []byte) (object []byte, version string) {
	if len(stored) == 0 || stored[0] != versionHead {
		return stored, ""
	}
	number, wire, n := protowire.ConsumeTag(stored)
	if n < 0 || number != fieldVersion || wire != protowire.BytesType {
		return stored, ""
	}
	version, m := protowire.ConsumeString(stored[n:])
	if m < 0 {
		return stored, ""
	}
	return stored[n+m:], version
}

// versionHead is the first byte of fieldVersion's tag.
const versionHead = byte(uint64(fieldVersion)<<3&0x7f) | byte(protowire.BytesType) | 0x80

// TypeURL is how an Any names a message.
func TypeURL(message string) string { return "type.googleapis.com/" + message }

// Event is a watch response about an object. With a type URL the object travels as an Any.
func Event(t metav1.EventType, typeURL string, object []byte) *Message {
	head := make([]byte, 0, 16+len(typeURL))
	head = protowire.AppendTag(head, FieldEventType, protowire.VarintType)
	head = protowire.AppendVarint(head, uint64(t))
	head = appendObjectHeader(head, FieldEventObject, typeURL, len(object))
	return New(head, object)
}

// appendObjectHeader appends all that comes before the bytes of an object that is a field of another message.
func appendObjectHeader(b []byte, field protowire.Number, typeURL string, size int) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	if typeURL == "" {
		return protowire.AppendVarint(b, uint64(size))
	}
	b = protowire.AppendVarint(b, uint64(anySize(typeURL, size)))
	return appendAnyHeader(b, typeURL, size)
}

func anySize(typeURL string, size int) int {
	return protowire.SizeTag(fieldTypeURL) + protowire.SizeBytes(len(typeURL)) +
		protowire.SizeTag(fieldValue) + protowire.SizeBytes(size)
}

func appendAnyHeader(b []byte, typeURL string, size int) []byte {
	b = protowire.AppendTag(b, fieldTypeURL, protowire.BytesType)
	b = protowire.AppendString(b, typeURL)
	b = protowire.AppendTag(b, fieldValue, protowire.BytesType)
	return protowire.AppendVarint(b, uint64(size))
}

// Object is the message of an object; with a type URL, of an Any that holds it.
func Object(typeURL string, object []byte) *Message {
	if typeURL == "" {
		return New(object)
	}
	return New(appendAnyHeader(make([]byte, 0, 16+len(typeURL)), typeURL, len(object)), object)
}

// List is the message of a list: its metadata, encoded, and its items.
func List(metadata []byte, typeURL string, items [][]byte) *Message {
	m := &Message{parts: make(mem.BufferSlice, 0, 1+2*len(items))}
	head := protowire.AppendTag(nil, FieldMetadata, protowire.BytesType)
	m.append(protowire.AppendBytes(head, metadata))
	// All headers share one buffer; it is sized so that it never grows and the pieces stay valid.
	perItem := protowire.SizeTag(FieldItems) + 2*protowire.SizeVarint(1<<34)
	if typeURL != "" {
		perItem += 3*protowire.SizeVarint(1<<34) + len(typeURL)
	}
	heads := make([]byte, 0, perItem*len(items))
	for _, item := range items {
		start := len(heads)
		heads = appendObjectHeader(heads, FieldItems, typeURL, len(item))
		m.append(heads[start:len(heads):len(heads)])
		m.append(item)
	}
	return m
}
