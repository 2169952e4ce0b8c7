package similar_test

import (
	"testing"

	"kaji.dev/kaji/similar"
)

func TestBest(t *testing.T) {
	words := []string{"name", "image", "imagePullPolicy", "spec", "containers", "web-1", "web-2"}
	for word, want := range map[string]string{
		"naem": "name", "Image": "image", "imagee": "image", "imagPullPolcy": "imagePullPolicy",
		"sepc": "spec", "sp": "", "zzzzz": "", "containrs": "containers", "web1": "web-1", "": "",
	} {
		if got := similar.Best(word, words); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}
