package client

import (
	"context"
	"os"
	"strings"
	"sync"
	"time"

	"kaji.dev/kaji/apierror"

	"google.golang.org/grpc/credentials"
)

// tokenRecheck bounds how often a token's file is looked at.
const tokenRecheck = 10 * time.Second

// Token is a source of bearer tokens that never changes.
func Token(token string) func() (string, error) {
	return func() (string, error) { return token, nil }
}

// TokenFile is a source of the bearer token in a file, which is read again as time goes by: whoever put it there replaces it before
// it expires. A file that cannot be read leaves the token that was read last.
func TokenFile(path string) func() (string, error) {
	var (
		mu    sync.Mutex
		token string
		read  time.Time
	)
	return func() (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if token != "" && time.Since(read) < tokenRecheck {
			return token, nil
		}
		b, err := os.ReadFile(path)
		if text := strings.TrimSpace(string(b)); err == nil && text != "" {
			token, read = text, time.Now()
		}
		switch {
		case token != "":
			return token, nil
		case err != nil:
			return "", apierror.Unauthenticated("the token cannot be read: " + err.Error())
		}
		return "", apierror.Unauthenticated("the token file " + path + " is empty")
	}
}

// bearer sends a token with each call. gRPC refuses it on connections that are not encrypted.
type bearer struct{ token func() (string, error) }

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	token, err := b.token()
	if err != nil {
		return nil, apierror.ToStatus(apierror.FromStatus(err))
	}
	return map[string]string{"authorization": "Bearer " + token}, nil
}

func (bearer) RequireTransportSecurity() bool { return true }

var _ credentials.PerRPCCredentials = bearer{}
