package equality

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"github.com/bufbuild/protocompile/linker"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// resolver finds Kubernetes' messages by name.
type resolver struct{ files linker.Files }

func (r resolver) message(name protoreflect.FullName) protoreflect.MessageDescriptor {
	d, err := r.files.AsResolver().FindDescriptorByName(name)
	if err != nil {
		return nil
	}
	m, _ := d.(protoreflect.MessageDescriptor)
	return m
}

// modules are the Go modules that hold Kubernetes' generated.proto files.
var modules = []string{"k8s.io/api", "k8s.io/apimachinery"}

// kubernetesProtos compiles every generated.proto of Kubernetes that has a group of Kaji's, with what they import.
func kubernetesProtos(ctx context.Context) (resolver, error) {
	dirs := map[string]string{}
	for _, m := range modules {
		out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", m).Output()
		if err != nil {
			return resolver{}, fmt.Errorf("finding module %s: %w", m, err)
		}
		dirs[m] = strings.TrimSpace(string(out))
	}
	open := func(path string) (io.ReadCloser, error) {
		for m, dir := range dirs {
			if rest, ok := strings.CutPrefix(path, m+"/"); ok {
				return os.Open(filepath.Join(dir, rest))
			}
		}
		return nil, os.ErrNotExist
	}
	var paths []string
	for m, dir := range dirs {
		found, err := filepath.Glob(filepath.Join(dir, "*", "v[12]", "generated.proto"))
		if err != nil {
			return resolver{}, err
		}
		// Jobs have parts of a group that is not stable yet.
		found = append(found, filepath.Join(dir, "scheduling", "v1alpha3", "generated.proto"))
		for _, shared := range []string{"apis/meta/v1", "api/resource", "util/intstr", "runtime"} {
			found = append(found, filepath.Join(dir, "pkg", shared, "generated.proto"))
		}
		for _, f := range found {
			rest, err := filepath.Rel(dir, f)
			if err != nil {
				return resolver{}, err
			}
			if _, err := os.Stat(f); err == nil {
				paths = append(paths, m+"/"+filepath.ToSlash(rest))
			}
		}
	}
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{Accessor: open}}
	files, err := compiler.Compile(ctx, paths...)
	if err != nil {
		return resolver{}, fmt.Errorf("compiling Kubernetes' protos: %w", err)
	}
	return resolver{files: files}, nil
}
