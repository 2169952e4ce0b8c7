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
		{"kaji.batch.v1.CronJob", "it makes no Jobs until there is a CronJob controller"},
		{"kaji.batch.v1.Job", "it runs no pods until there is a Job controller"},
		{"kaji.policy.v1.PodDisruptionBudget", "it holds back no eviction until there is a disruption controller"},
	} {
		out = append(out, Gap{Message: k.message, Why: k.why})
	}
	return out
}
