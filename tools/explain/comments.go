package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"kaji.dev/kaji/kind"
)

// comments is a line for each message that a kind is made of and each of its fields: full name, tab, text. A
// line break within a text is written as \n.
func comments(ctx context.Context, root string) ([]byte, error) {
	messages := reachable()
	var files []string
	for _, m := range messages {
		if path := m.ParentFile().Path(); !slices.Contains(files, path) {
			files = append(files, path)
		}
	}
	compiler := protocompile.Compiler{
		SourceInfoMode: protocompile.SourceInfoStandard,
		Resolver: protocompile.CompositeResolver{
			&protocompile.SourceResolver{ImportPaths: []string{root}},
			// What the proto files import from elsewhere is compiled into this program.
			protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
				d, err := protoregistry.GlobalFiles.FindFileByPath(path)
				return protocompile.SearchResult{Desc: d}, err
			}),
		},
	}
	compiled, err := compiler.Compile(ctx, files...)
	if err != nil {
		return nil, fmt.Errorf("compiling the proto files: %w", err)
	}
	var b bytes.Buffer
	for _, m := range messages {
		file := compiled.FindFileByPath(m.ParentFile().Path())
		source, ok := file.FindDescriptorByName(m.FullName()).(protoreflect.MessageDescriptor)
		if !ok {
			return nil, fmt.Errorf("%s is not in %s", m.FullName(), file.Path())
		}
		write(&b, source, file)
		for i := range source.Fields().Len() {
			write(&b, source.Fields().Get(i), file)
		}
	}
	return b.Bytes(), nil
}

func write(b *bytes.Buffer, d protoreflect.Descriptor, file protoreflect.FileDescriptor) {
	text := file.SourceLocations().ByDescriptor(d).LeadingComments
	var lines []string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		lines = append(lines, strings.TrimRight(strings.TrimPrefix(line, " "), " "))
	}
	fmt.Fprintf(b, "%s\t%s\n", d.FullName(), strings.Join(lines, `\n`))
}

// reachable lists the messages that the kinds are made of, by name.
func reachable() []protoreflect.MessageDescriptor {
	seen := map[protoreflect.FullName]protoreflect.MessageDescriptor{}
	var visit func(m protoreflect.MessageDescriptor)
	visit = func(m protoreflect.MessageDescriptor) {
		if seen[m.FullName()] != nil || !strings.HasPrefix(string(m.FullName()), "kaji.") {
			return
		}
		seen[m.FullName()] = m
		for i := range m.Fields().Len() {
			fd := m.Fields().Get(i)
			if fd.IsMap() {
				fd = fd.MapValue()
			}
			if fd.Message() != nil {
				visit(fd.Message())
			}
		}
	}
	for _, k := range kind.All() {
		visit(k.New().ProtoReflect().Descriptor())
	}
	out := make([]protoreflect.MessageDescriptor, 0, len(seen))
	for _, m := range seen {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b protoreflect.MessageDescriptor) int {
		return strings.Compare(string(a.FullName()), string(b.FullName()))
	})
	return out
}
