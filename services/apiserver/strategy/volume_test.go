package strategy

import "testing"

func TestVolumeRules(t *testing.T) {
	const v0, m0 = "spec.volumes[0].", "spec.containers[0].volumeMounts[0]."
	volume := func(s string) string { return "spec: {volumes: [" + s + "]}" }
	mount := func(s string) string {
		return "spec: {volumes: [{name: v}], containers: {'[0]': {volumeMounts: [" + s + "]}}}"
	}
	runCases(t, basePod, []ruleCase{
		{"no source is an emptyDir", volume(`{name: v}`), nil},
		{"no name", volume(`{emptyDir: {}}`), []string{v0 + "name Required"}},
		{"bad name", volume(`{name: V_1}`), []string{v0 + "name Invalid"}},
		{"name twice", volume(`{name: v}, {name: v}`), []string{"spec.volumes[1].name Duplicate"}},
		{"two sources", volume(`{name: v, emptyDir: {}, hostPath: {path: /a}}`), []string{v0 + "emptyDir Forbidden"}},
		{"unknown medium", volume(`{name: v, emptyDir: {medium: Tape}}`), []string{v0 + "emptyDir.medium NotSupported"}},
		{"negative size", volume(`{name: v, emptyDir: {sizeLimit: "-1"}}`), []string{v0 + "emptyDir.sizeLimit Forbidden"}},
		{"host path empty", volume(`{name: v, hostPath: {path: ""}}`), []string{v0 + "hostPath.path Required"}},
		{"host path with back steps", volume(`{name: v, hostPath: {path: /a/../b}}`), []string{v0 + "hostPath.path Invalid"}},
		{"host path of an unknown type", volume(`{name: v, hostPath: {path: /a, type: Pipe}}`), []string{v0 + "hostPath.type NotSupported"}},
		{"config map without a name", volume(`{name: v, configMap: {}}`), []string{v0 + "configMap.name Required"}},
		{"config map with a bad mode", volume(`{name: v, configMap: {name: c, defaultMode: 512}}`), []string{v0 + "configMap.defaultMode Invalid"}},
		{"item without key and path", volume(`{name: v, configMap: {name: c, items: [{key: "", path: ""}]}}`), []string{v0 + "configMap.items[0].key Required", v0 + "configMap.items[0].path Required"}},
		{"item at an absolute path", volume(`{name: v, secret: {secretName: c, items: [{key: a, path: /b}]}}`), []string{v0 + "secret.items[0].path Invalid"}},
		{"item that climbs out", volume(`{name: v, secret: {secretName: c, items: [{key: a, path: b/../../c}]}}`), []string{v0 + "secret.items[0].path Invalid"}},
		{"secret without a name", volume(`{name: v, secret: {}}`), []string{v0 + "secret.secretName Required"}},
		{"downward without a source", volume(`{name: v, downwardAPI: {items: [{path: a}]}}`), []string{v0 + "downwardAPI.items[0] Required"}},
		{"downward of all labels", volume(`{name: v, downwardAPI: {items: [{path: a, fieldRef: {fieldPath: metadata.labels}}]}}`), nil},
		{"downward of an address", volume(`{name: v, downwardAPI: {items: [{path: a, fieldRef: {fieldPath: status.podIP}}]}}`), []string{v0 + "downwardAPI.items[0].fieldRef.fieldPath NotSupported"}},
		{"downward of no container", volume(`{name: v, downwardAPI: {items: [{path: a, resourceFieldRef: {resource: limits.cpu}}]}}`), []string{v0 + "downwardAPI.items[0].resourceFieldRef.containerName Required"}},
		{"projected with a file twice", volume(`{name: v, projected: {sources: [{configMap: {name: a, items: [{key: k, path: p}]}}, {secret: {name: b, items: [{key: k, path: p}]}}]}}`), []string{v0 + "projected.sources[1].secret.items[0].path Invalid"}},
		{"projected with an empty source", volume(`{name: v, projected: {sources: [{}]}}`), nil},
		{"token that lives too short", volume(`{name: v, projected: {sources: [{serviceAccountToken: {path: t, expirationSeconds: 60}}]}}`), []string{v0 + "projected.sources[0].serviceAccountToken.expirationSeconds Invalid"}},
		{"claim without a name", volume(`{name: v, persistentVolumeClaim: {claimName: ""}}`), []string{v0 + "persistentVolumeClaim.claimName Required"}},
		{"nfs at a relative path", volume(`{name: v, nfs: {server: a, path: b}}`), []string{v0 + "nfs.path Invalid"}},
		{"image without a reference", volume(`{name: v, image: {}}`), []string{v0 + "image.reference Required"}},
		{"ephemeral without a size", volume(`{name: v, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce]}}}}`), []string{v0 + "ephemeral.volumeClaimTemplate.spec.resources.requests[storage] Required"}},

		{"mount of no volume", mount(`{name: w, mountPath: /a}`), []string{m0 + "name NotFound"}},
		{"mount without a path", mount(`{name: v, mountPath: ""}`), []string{m0 + "mountPath Required"}},
		{"mount twice", mount(`{name: v, mountPath: /a}, {name: v, mountPath: /a}`), []string{"spec.containers[0].volumeMounts[1].mountPath Invalid"}},
		{"absolute sub path", mount(`{name: v, mountPath: /a, subPath: /b}`), []string{m0 + "subPath Invalid"}},
		{"sub path both ways", mount(`{name: v, mountPath: /a, subPath: b, subPathExpr: c}`), []string{m0 + "subPathExpr Invalid"}},
		{"bidirectional without privilege", mount(`{name: v, mountPath: /a, mountPropagation: Bidirectional}`), []string{m0 + "mountPropagation Forbidden"}},
		{"unknown mount option", mount(`{name: v, mountPath: /a, bindMountOptions: [noexec, sync]}`), []string{m0 + "bindMountOptions[1] NotSupported"}},
		{"recursive without read only", mount(`{name: v, mountPath: /a, recursiveReadOnly: Enabled}`), []string{m0 + "recursiveReadOnly Forbidden"}},
	})
}
