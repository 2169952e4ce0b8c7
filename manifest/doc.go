// Package manifest turns objects into Kubernetes' JSON and YAML and back.
//
// It is driven by descriptors: a field's JSON name, the inline and micro_time options, and the four
// messages with a form of their own (Quantity, IntOrString, Timestamp, FieldsV1) are all it knows.
// It refuses what it cannot place: with strict decoding every unknown, duplicate and ill-typed field of an
// input is reported at once, with file, line and path. It holds no defaults and validates nothing else.
//
// All functions may be used concurrently.
package manifest
