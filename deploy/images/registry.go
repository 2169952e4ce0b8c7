package images

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/hashicorp/go-hclog"
)

// Config is what the registry needs.
type Config struct {
	// Address is host:port to listen on.
	Address string
	// TLS demands client certificates. Nil serves plain HTTP, which only a loopback address may do: it is for
	// runtimes that Kaji did not configure and that trust registries of the machine itself.
	TLS *tls.Config
	// Dir holds the images.
	Dir Dir
	// BlobDir is where layers are unpacked to.
	BlobDir string
}

// Validate says what is wrong.
func (c *Config) Validate() error {
	if c.Dir == "" || c.BlobDir == "" {
		return errors.New("the registry's directories are not set")
	}
	host, _, err := net.SplitHostPort(c.Address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); c.TLS == nil && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("a registry without TLS listens on loopback only, not on %s", host)
	}
	return nil
}

// Run serves the images of a directory until ctx ends. Images put there meanwhile are found when asked for.
func Run(ctx context.Context, cfg Config, logger hclog.Logger) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	r := &server{dir: cfg.Dir, log: logger, loaded: map[string]time.Time{}, inner: registry.New(
		registry.Logger(log.New(io.Discard, "", 0)),
		registry.WithBlobHandler(registry.NewDiskBlobHandler(cfg.BlobDir)),
	)}
	if err := os.MkdirAll(cfg.BlobDir, 0o755); err != nil {
		return err
	}
	l, err := net.Listen("tcp", cfg.Address)
	if err != nil {
		return err
	}
	if cfg.TLS != nil {
		l = tls.NewListener(l, cfg.TLS)
	}
	web := &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second, ErrorLog: logger.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Warn})}
	stop := context.AfterFunc(ctx, func() { web.Close() })
	defer stop()
	logger.Info("serving", "address", cfg.Address)
	if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// server lets the network read, and fills the registry behind it from the directory.
type server struct {
	dir   Dir
	log   hclog.Logger
	inner http.Handler

	mu     sync.Mutex
	loaded map[string]time.Time // archive → its time when it was loaded
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "this registry is read only: images come from `kaji image`", http.StatusMethodNotAllowed)
		return
	}
	if strings.Contains(r.URL.Path, "/manifests/") || strings.Contains(r.URL.Path, "/tags/") {
		s.load()
	}
	s.inner.ServeHTTP(w, r)
}

// load takes over archives that are new or have changed.
func (s *server) load() {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries, err := s.dir.entries()
	if err != nil {
		s.log.Error("cannot read the image directory", "error", err)
		return
	}
	for _, e := range entries {
		if s.loaded[e.path].Equal(e.info.ModTime()) {
			continue
		}
		if err := s.loadOne(e); err != nil {
			s.log.Error("cannot load image", "image", e.image, "error", err)
			continue
		}
		s.loaded[e.path] = e.info.ModTime()
	}
}

func (s *server) loadOne(e entry) error {
	img, err := tarball.ImageFromPath(e.path, nil)
	if err != nil {
		return err
	}
	tag, err := name.NewTag(e.image, name.WithDefaultRegistry(local), name.Insecure)
	if err != nil {
		return err
	}
	return remote.Write(tag, img, remote.WithTransport(direct{s.inner}))
}

// direct is a transport that calls a handler without a network between.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = io.NopCloser(bytes.NewReader(nil))
	}
	rec := httptest.NewRecorder()
	d.ServeHTTP(rec, r)
	resp := rec.Result()
	resp.Request = r
	return resp, nil
}
