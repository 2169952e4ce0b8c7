// Package scheduler measures scheduling as Kubernetes' scheduler_perf does (SchedulingBasic): nodes that exist in the API only, pods created through it, and the
// time until all of them are bound. API server, scheduler and client are one process, joined by gRPC over mutual TLS; the store is in memory.
//
// It owns its servers and what they hold, and leaves nothing behind.
package scheduler
