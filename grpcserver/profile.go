package grpcserver

import (
	"net/http"
	"net/http/pprof"

	"kaji.dev/kaji/identity"
)

// addProfiles adds what `go tool pprof` reads. A profile can show what passes through the process, and taking one costs
// CPU: it is for administrators alone.
func addProfiles(mux *http.ServeMux) {
	for path, h := range map[string]http.HandlerFunc{
		"/debug/pprof/": pprof.Index, "/debug/pprof/cmdline": pprof.Cmdline, "/debug/pprof/profile": pprof.Profile,
		"/debug/pprof/symbol": pprof.Symbol, "/debug/pprof/trace": pprof.Trace,
	} {
		mux.Handle(path, mastersOnly(h))
	}
}

func mastersOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The handshake has verified the certificate.
		if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 || !identity.FromCertificate(r.TLS.PeerCertificates[0]).InGroup(identity.GroupMasters) {
			http.Error(w, "profiles are for members of "+identity.GroupMasters, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
