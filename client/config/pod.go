package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"kaji.dev/kaji/client"
)

// Environment variables of a program in a pod.
const (
	// EnvEndpoints names API servers, host:port and commas between, in place of Kubernetes' pair of host and port.
	EnvEndpoints = "KAJI_API_ENDPOINTS"
	// EnvServerName is what the servers' certificates are for, when it is not the host of the endpoint.
	EnvServerName = "KAJI_API_SERVER_NAME"
	envHost       = "KUBERNETES_SERVICE_HOST"
	envPort       = "KUBERNETES_SERVICE_PORT"
)

// serviceAccountDir is where a pod finds token, ca.crt and namespace, as in Kubernetes.
const serviceAccountDir = "/var/run/secrets/kubernetes.io/serviceaccount"

// errNoPod says that the program does not run in a pod with a service account.
var errNoPod = errors.New("not in a pod")

// pod is what a program sees of the pod it runs in.
type pod struct {
	dir       string
	endpoints []string
	server    string
}

func defaultPod() pod {
	p := pod{dir: serviceAccountDir, server: os.Getenv(EnvServerName)}
	for e := range strings.SplitSeq(os.Getenv(EnvEndpoints), ",") {
		if e = strings.TrimSpace(e); e != "" {
			p.endpoints = append(p.endpoints, e)
		}
	}
	if host, port := os.Getenv(envHost), os.Getenv(envPort); len(p.endpoints) == 0 && host != "" && port != "" {
		p.endpoints = []string{net.JoinHostPort(host, port)}
	}
	return p
}

// inPod makes settings out of what is mounted into a pod. The token is read again as it is replaced, the CA when it changes.
func inPod(p pod) (client.Config, string, error) {
	token := filepath.Join(p.dir, "token")
	if _, err := os.Stat(token); errors.Is(err, os.ErrNotExist) {
		return client.Config{}, "", errNoPod
	}
	if len(p.endpoints) == 0 {
		return client.Config{}, "", fmt.Errorf("a service account is mounted at %s, but neither %s nor %s and %s say where the API is", p.dir, EnvEndpoints, envHost, envPort)
	}
	settings, renew, err := withRoots(&tls.Config{MinVersion: tls.VersionTLS13, ServerName: p.server}, filepath.Join(p.dir, "ca.crt"))
	if err != nil {
		return client.Config{}, "", fmt.Errorf("service account: %w", err)
	}
	namespace, err := os.ReadFile(filepath.Join(p.dir, "namespace"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return client.Config{}, "", fmt.Errorf("service account: %w", err)
	}
	name := strings.TrimSpace(string(namespace))
	if name == "" {
		name = DefaultNamespace
	}
	return client.Config{Endpoints: p.endpoints, TLS: settings, RenewTLS: renew, Token: client.TokenFile(token), UserAgent: filepath.Base(os.Args[0])}, name, nil
}
