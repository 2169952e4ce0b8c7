// Package managed keeps the record of who set which fields of an object, and merges what somebody applies into it.
//
// It owns metadata.managedFields in Kubernetes' form (FieldsV1) and the schema that says which lists are merged and by
// which keys, made from the options of the proto files. The merge itself is sigs.k8s.io/structured-merge-diff. It refuses to
// own what only the server says: names, uids, times, status.
//
// It reads no clock and no store. A Schema may be used concurrently; arguments are not changed.
package managed
