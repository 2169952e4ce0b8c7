package strategy

import "google.golang.org/protobuf/reflect/protoreflect"

// idleKinds are the kinds that are stored, checked and served, but that nothing acts on yet. Whoever makes one work
// deletes its line, and adds to Unsupported what is still missing of it.
func idleKinds() []Gap {
	var out []Gap
	for _, k := range []struct {
		message protoreflect.FullName
		why     string
	}{
		{"kaji.apps.v1.ControllerRevision", "nothing goes back to it until there are StatefulSet and DaemonSet controllers"},
		{"kaji.apps.v1.DaemonSet", "it runs no pods until there is a DaemonSet controller"},
		{"kaji.apps.v1.StatefulSet", "it runs no pods until there is a StatefulSet controller"},
		{"kaji.batch.v1.CronJob", "it makes no Jobs until there is a CronJob controller"},
		{"kaji.batch.v1.Job", "it runs no pods until there is a Job controller"},
		{"kaji.core.v1.PersistentVolumeClaim", "it gets no volume until there is a PersistentVolume controller"},
	} {
		out = append(out, Gap{Message: k.message, Why: k.why})
	}
	return out
}
