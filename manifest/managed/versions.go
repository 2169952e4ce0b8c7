package managed

import (
	"encoding/json"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/typed"

	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

// Converter makes an object into what it is in another version of its kind.
type Converter func(o kind.Object, to *kind.Kind) (kind.Object, error)

// versions are the schemas of a kind's versions. Managers keep their fields in the version they wrote.
type versions struct {
	byAPIVersion map[string]*Schema
	byMessage    map[string]*Schema
	convert      Converter
}

// Convert implements merge.Converter.
func (v *versions) Convert(o *typed.TypedValue, version fieldpath.APIVersion) (*typed.TypedValue, error) {
	to := v.byAPIVersion[string(version)]
	if to == nil {
		return nil, errOtherVersion
	}
	from := to
	if name := o.TypeRef().NamedType; name != nil && v.byMessage[*name] != nil {
		from = v.byMessage[*name]
	}
	if from == to {
		return o, nil
	}
	body, _ := o.AsValue().Unstructured().(map[string]any)
	b, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	object, err := manifest.FromJSON(from.kind, b, false)
	if err != nil {
		return nil, err
	}
	if object, err = v.convert(object, to.kind); err != nil {
		return nil, err
	}
	if b, err = manifest.ToJSON(object); err != nil {
		return nil, err
	}
	converted, _, err := to.split(b)
	if err != nil {
		return nil, err
	}
	return to.typed(converted, typed.AllowDuplicates)
}

// IsMissingVersionError implements merge.Converter. Fields in a version that nobody knows any more are nobody's.
func (*versions) IsMissingVersionError(err error) bool { return err == errOtherVersion }
