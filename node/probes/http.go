package probes

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// maxBody is how much of a response is read.
const maxBody = 10 << 10

// httpGet asks by HTTP: a status from 200 to 399 is success. Redirects are followed on the
// same host only; one that leads away counts as success, for the container did answer.
func (p prober) httpGet(ctx context.Context, a *corev1.HTTPGetAction, w *watched, timeout time.Duration) (bool, string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := p.request(ctx, a, w)
	if err != nil {
		return false, "", err
	}
	transport := p.transport(a)
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: sameHost}
	resp, err := client.Do(req)
	if err != nil {
		return false, err.Error(), nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return false, fmt.Sprintf("reading the response: %v", err), nil
	}
	if resp.StatusCode >= 200 && resp.StatusCode < 400 {
		return true, "", nil
	}
	message := "HTTP status " + resp.Status
	if text := strings.TrimSpace(string(body)); text != "" {
		message += ": " + cut(text)
	}
	return false, message, nil
}

// request makes the request that the action describes.
func (p prober) request(ctx context.Context, a *corev1.HTTPGetAction, w *watched) (*http.Request, error) {
	n, err := port(a.GetPort(), w.container)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(a.GetPath())
	if err != nil {
		u = &url.URL{Path: a.GetPath()} // taken as it is, to be answered or refused
	}
	u.Scheme, u.Host = "http", address(a.GetHost(), w, n)
	if strings.EqualFold(a.GetScheme(), "https") {
		u.Scheme = "https"
	}
	if !strings.HasPrefix(u.Path, "/") {
		u.Path = "/" + u.Path
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	for _, h := range a.GetHttpHeaders() {
		if textproto.CanonicalMIMEHeaderKey(h.GetName()) == "Host" {
			req.Host = h.GetValue()
			continue
		}
		req.Header.Add(h.GetName(), h.GetValue())
	}
	if _, set := req.Header["User-Agent"]; !set {
		req.Header.Set("User-Agent", p.cfg.UserAgent)
	}
	switch accept, set := req.Header["Accept"]; {
	case !set:
		req.Header.Set("Accept", "*/*")
	case len(accept) == 1 && accept[0] == "":
		req.Header.Del("Accept") // set to nothing: wanted without
	}
	return req, nil
}

// transport opens a new connection each time: that a new one can be opened is part of what
// is asked. Certificates are not verified, for the name in them is not the pod's IP.
func (p prober) transport(a *corev1.HTTPGetAction) *http.Transport {
	t := &http.Transport{
		DialContext:        p.dialer.DialContext,
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
		DisableKeepAlives:  true,
		DisableCompression: true,
	}
	if a.GetProtocol() == "HTTP2" {
		t.DisableKeepAlives = false // HTTP/2 needs it; the caller closes the connection
		t.Protocols = new(http.Protocols)
		t.Protocols.SetHTTP2(true)
		t.Protocols.SetUnencryptedHTTP2(true)
	}
	return t
}

func sameHost(req *http.Request, via []*http.Request) error {
	if req.URL.Hostname() != via[0].URL.Hostname() {
		return http.ErrUseLastResponse
	}
	if len(via) >= 10 {
		return fmt.Errorf("stopped after %d redirects", len(via))
	}
	return nil
}
