package main

import (
	"context"

	"kaji.dev/kaji/test/bench/process"
)

// side is one of the two that are compared: an API server and its store, each in a process of its own, and the clients
// that call them. Calls name the connection they go over; all connections have TLS.
type side interface {
	name() string
	// start runs store and API server and returns when a call has been answered.
	start(ctx context.Context) error
	// restart stops the API server and starts it again on the same store.
	restart(ctx context.Context) error
	stop()
	api() *process.Process
	store() *process.Process

	// namespace makes a namespace.
	namespace(ctx context.Context, name string) error
	// create makes a pod out of the one that pod gives.
	create(ctx context.Context, conn int, namespace, name string) error
	// list reads all pods of a namespace up to the last byte of the answer, and does not decode it.
	list(ctx context.Context, conn int, namespace string) (bytes int64, err error)
	// decoded is list with the answer decoded as the side's own client does it.
	decoded(ctx context.Context, conn int, namespace string) (items int, err error)
	// watch calls ready when the watch stands and seen for each change of a pod, which it does not decode. It ends with ctx, then
	// without an error.
	watch(ctx context.Context, conn int, namespace string, ready, seen func()) error
	// touch changes the annotation of a pod that create made.
	touch(ctx context.Context, conn int, namespace, name, value string) error
	// apply is a server-side apply of the Deployment; it returns the resourceVersion.
	apply(ctx context.Context, conn int, namespace string) (string, error)
	// revision is that of the store.
	revision(ctx context.Context) (int64, error)
	// debug reads a page of the API server's HTTPS endpoint.
	debug(ctx context.Context, path string) ([]byte, error)
}
