// Package scheduler breaks what the scheduler stands on while it works, and looks at what becomes of the pods.
//
// It owns its servers, which are in this process, and leaves nothing behind.
package scheduler
