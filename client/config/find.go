package config

import (
	"errors"
	"fmt"
	"io/fs"

	"kaji.dev/kaji/client"
)

// Wanted says which cluster is meant, and as whom. The zero value means what the environment says.
type Wanted struct {
	// Path is the configuration file. When empty it is $KAJI_CONFIG, then ~/.kaji/config, and for a program in a pod that
	// has neither, the pod's service account.
	Path string
	// Context of the file; its current one when empty.
	Context string
	// Namespace in place of the context's.
	Namespace string
	// UserAgent names the program in the server's logs.
	UserAgent string
}

// ErrNone says that there is neither a file nor a service account, or not the file that was asked for.
var ErrNone = errors.New("there is no client configuration")

// Find finds the settings for a connection and the namespace that is meant when none is given:
//
//	settings, namespace, err := config.Find(config.Wanted{})
//	c, err := client.Dial(settings)
//
// The error is ErrNone when there is nothing to be found. What was asked for, by Wanted or by $KAJI_CONFIG, is never replaced by something
// else.
func Find(w Wanted) (client.Config, string, error) {
	settings, namespace, err := find(w)
	if err != nil {
		return client.Config{}, "", err
	}
	if w.Namespace != "" {
		namespace = w.Namespace
	}
	if w.UserAgent != "" {
		settings.UserAgent = w.UserAgent
	}
	return settings, namespace, settings.Validate()
}

func find(w Wanted) (client.Config, string, error) {
	f, err := Load(w.Path)
	switch {
	case err == nil:
		return f.ClientConfig(w.Context)
	case !errors.Is(err, fs.ErrNotExist):
		return client.Config{}, "", err
	case w.Path != "" || named():
		return client.Config{}, "", fmt.Errorf("%w: %w", ErrNone, err)
	case w.Context != "":
		return client.Config{}, "", fmt.Errorf("%w that could hold the context %q", ErrNone, w.Context)
	}
	settings, namespace, err := inPod(defaultPod())
	if errors.Is(err, errNoPod) {
		return client.Config{}, "", fmt.Errorf("%w: neither %s nor a pod's service account", ErrNone, DefaultPath())
	}
	return settings, namespace, err
}
