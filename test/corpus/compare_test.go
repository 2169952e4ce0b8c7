package corpus

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
)

type object = map[string]any

// serverSays is what every server says by itself about an object: no two of them alike.
// Kubernetes' server has given up selfLink, and keeps what a manifest says of it.
var serverSays = []string{"uid", "resourceVersion", "creationTimestamp", "managedFields", "selfLink"}

// alwaysWritten are structs that Kubernetes' JSON has even when they are empty, because Go cannot leave them out; Kaji
// writes them when they were set.
var alwaysWritten = []string{"resources", "strategy", "updateStrategy", "status", "spec", "metadata", "loadBalancer", "conditions"}

// alwaysListed are lists of which the same is true.
var alwaysListed = []string{"rules", "ports"}

// allocated is what Kubernetes' service storage gives a Service after its strategy: none of it is a default.
var allocated = []string{"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"}

// annotations are those of apply, and of what Kubernetes still knows of a version of DaemonSets that is long gone.
var annotations = []string{"kubectl.kubernetes.io/last-applied-configuration", "deprecated.daemonset.template.generation"}

func parse(t *testing.T, text []byte) object {
	t.Helper()
	var o object
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return o
}

// comparable takes away from an object what only a server says. declared is the object as it was written.
func comparable(o, declared object) object {
	anonymous(o)
	tidy(o)
	if m, ok := o["metadata"].(object); ok {
		for _, key := range serverSays {
			delete(m, key)
		}
		if a, ok := m["annotations"].(object); ok {
			for _, key := range annotations {
				delete(a, key)
			}
			if len(a) == 0 {
				delete(m, "annotations")
			}
		}
	}
	spec, _ := o["spec"].(object)
	switch wrote, _ := declared["spec"].(object); o["kind"] {
	case "Service":
		for _, key := range allocated {
			if wrote[key] == nil {
				delete(spec, key)
			}
		}
		ports, _ := spec["ports"].([]any)
		written, _ := wrote["ports"].([]any)
		for i := range ports {
			if p, _ := written[i].(object); p["nodePort"] == nil {
				delete(ports[i].(object), "nodePort")
			}
		}
	case "Pod":
		// Kubernetes' admission plugins ServiceAccount and Priority do the same; the oracle has neither.
		if wrote["serviceAccountName"] == nil && wrote["serviceAccount"] == nil {
			delete(spec, "serviceAccountName")
			delete(spec, "serviceAccount")
		}
		for _, key := range []string{"priority", "preemptionPolicy"} {
			if wrote[key] == nil {
				delete(spec, key)
			}
		}
	case "StatefulSet":
		// Kubernetes says of claims what they are; from a manifest Kaji takes it and leaves it.
		claims, _ := spec["volumeClaimTemplates"].([]any)
		for _, c := range claims {
			delete(c.(object), "apiVersion")
			delete(c.(object), "kind")
		}
	case "Node":
		// Structs that Go always writes, with all their fields.
		if status, ok := o["status"].(object); ok && declared["status"] == nil {
			delete(status, "daemonEndpoints")
			delete(status, "nodeInfo")
			if len(status) == 0 {
				delete(o, "status")
			}
		}
	}
	return o
}

// anonymous puts one word for the object's uid wherever it stands, as in the labels of a Job's pods.
func anonymous(o object) {
	m, _ := o["metadata"].(object)
	uid, _ := m["uid"].(string)
	var rename func(v any)
	rename = func(v any) {
		switch v := v.(type) {
		case object:
			for key, e := range v {
				if e == uid {
					v[key] = "its uid"
				}
				rename(e)
			}
		case []any:
			for _, e := range v {
				rename(e)
			}
		}
	}
	if uid != "" {
		rename(o)
	}
}

// tidy removes what is there only because of how Go writes structs, and the times of conditions.
func tidy(v any) {
	switch v := v.(type) {
	case object:
		for key, e := range v {
			tidy(e)
			m, isObject := e.(object)
			list, isList := e.([]any)
			if key == "lastPhaseTransitionTime" {
				v[key] = "a time"
			}
			if isObject && len(m) == 0 && slices.Contains(alwaysWritten, key) ||
				isList && len(list) == 0 && slices.Contains(alwaysListed, key) ||
				e == nil || // a time that is not set
				key == "divisor" && e == "0" || // a quantity that is not set
				key == "lastTransitionTime" {
				delete(v, key)
			}
		}
	case []any:
		for _, e := range v {
			tidy(e)
		}
	}
}

// differences lists the paths at which two trees differ.
func differences(path string, got, want any) []string {
	switch w := want.(type) {
	case object:
		g, ok := got.(object)
		if !ok {
			break
		}
		var out []string
		keys := maps.Clone(w)
		maps.Copy(keys, g)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			at := path + "." + key
			a, inGot := g[key]
			b, inWant := w[key]
			switch {
			case !inGot:
				out = append(out, fmt.Sprintf("%s: missing, Kubernetes has %s", at, text(b)))
			case !inWant:
				out = append(out, fmt.Sprintf("%s: is %s, Kubernetes has none", at, text(a)))
			default:
				out = append(out, differences(at, a, b)...)
			}
		}
		return out
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			break
		}
		var out []string
		for i := range w {
			out = append(out, differences(fmt.Sprintf("%s[%d]", path, i), g[i], w[i])...)
		}
		return out
	}
	if reflect.DeepEqual(got, want) {
		return nil
	}
	return []string{fmt.Sprintf("%s: is %s, Kubernetes has %s", path, text(got), text(want))}
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
