// Package images sees to it that the images of containers are in the runtime's
// store: it applies the pull policy, finds credentials among the pod's pull
// secrets, lets several pods wait for one pull of the same image, and bounds how many
// pulls run at a time.
//
// It refuses to retry: a failure is typed with the reason that the container's
// status shows, and the pod's own back-off decides when to ask again. A Puller may be used
// concurrently.
package images

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/cri"
)

// The reasons for which a container has no image.
const (
	ReasonInvalidName = "InvalidImageName"
	ReasonNeverPull   = "ErrImageNeverPull"
	ReasonPull        = "ErrImagePull"
	ReasonInspect     = "ImageInspectError"
)

// Error says why a container has no image.
type Error struct {
	Reason  string
	Message string
	cause   error
}

func (e *Error) Error() string { return e.Reason + ": " + e.Message }

// Unwrap gives the runtime's own error.
func (e *Error) Unwrap() error { return e.cause }

// Store is the runtime's image store.
type Store interface {
	Image(ctx context.Context, ref string) (*cri.Image, error)
	Pull(ctx context.Context, ref string, auth *cri.Auth) (string, error)
}

// SecretGetter reads pull secrets.
type SecretGetter interface {
	Get(ctx context.Context, namespace, name string) (*corev1.Secret, error)
}

// Event tells of a step worth an Event: "Pulling", "Pulled", "Failed".
type Event func(warning bool, reason, message string)

// Puller gets images.
type Puller struct {
	store   Store
	secrets SecretGetter
	slots   chan struct{}
	now     func() time.Time

	mu    sync.Mutex
	pulls map[string]*pull // under way, by reference and credentials
	known map[string]known // looked up lately, by reference
}

type pull struct {
	done chan struct{}
	ref  string
	err  error
	// users wait for it; the last to leave cancels it.
	users  int
	cancel context.CancelFunc
}

type known struct {
	image cri.Image
	until time.Time
}

// knownFor is how long a looked-up image is trusted to be there without asking
// again: long enough that the replicas of one deployment share the look-up, short
// enough that a removed image is noticed.
const knownFor = 10 * time.Second

// longest bounds one pull, so that a registry that hangs does not hold a place
// for ever.
const longest = 30 * time.Minute

// New makes a puller that runs at most parallel pulls at a time.
func New(store Store, secrets SecretGetter, parallel int, now func() time.Time) *Puller {
	return &Puller{store: store, secrets: secrets, slots: make(chan struct{}, max(1, parallel)), now: now, pulls: map[string]*pull{}, known: map[string]known{}}
}

// Ensure gives the image of a container, pulling it if the policy says so. The
// error is an *Error, or ctx's.
func (p *Puller) Ensure(ctx context.Context, pod *corev1.Pod, c *corev1.Container, event Event) (containerconfig.Image, error) {
	ref, err := normalize(c.GetImage())
	if err != nil {
		event(true, "InspectFailed", fmt.Sprintf("Failed to apply default image tag %q: %v", c.GetImage(), err))
		return containerconfig.Image{}, &Error{Reason: ReasonInvalidName, Message: fmt.Sprintf("couldn't parse image name %q: %v", c.GetImage(), err), cause: err}
	}
	policy := c.GetImagePullPolicy()
	if policy != "Always" {
		img, err := p.lookup(ctx, ref)
		switch {
		case ctx.Err() != nil:
			return containerconfig.Image{}, ctx.Err()
		case err != nil:
			event(true, "InspectFailed", fmt.Sprintf("Failed to inspect image %q: %v", c.GetImage(), cri.Message(err)))
			return containerconfig.Image{}, &Error{Reason: ReasonInspect, Message: fmt.Sprintf("Failed to inspect image %q: %v", c.GetImage(), cri.Message(err)), cause: err}
		case img != nil:
			event(false, "Pulled", fmt.Sprintf("Container image %q already present on machine", c.GetImage()))
			return config(*img), nil
		case policy == "Never":
			event(true, "ErrImageNeverPull", fmt.Sprintf("Container image %q is not present with pull policy of Never", c.GetImage()))
			return containerconfig.Image{}, &Error{Reason: ReasonNeverPull, Message: fmt.Sprintf("Container image %q is not present with pull policy of Never", c.GetImage())}
		}
	}
	event(false, "Pulling", fmt.Sprintf("Pulling image %q", c.GetImage()))
	began := p.now()
	pulled, err := p.pull(ctx, pod, ref)
	if err == nil {
		var img *cri.Image
		if img, err = p.inspect(ctx, ref, pulled); err == nil {
			event(false, "Pulled", fmt.Sprintf("Successfully pulled image %q in %s", c.GetImage(), p.now().Sub(began).Truncate(time.Millisecond)))
			return config(*img), nil
		}
	}
	if ctx.Err() != nil {
		return containerconfig.Image{}, ctx.Err()
	}
	message := fmt.Sprintf("failed to pull image %q: %v", c.GetImage(), cri.Message(err))
	event(true, "Failed", fmt.Sprintf("Failed to pull image %q: %v", c.GetImage(), cri.Message(err)))
	return containerconfig.Image{}, &Error{Reason: ReasonPull, Message: message, cause: err}
}

func config(i cri.Image) containerconfig.Image {
	return containerconfig.Image{Ref: i.ID, UID: i.UID, Username: i.Username}
}

// normalize gives a reference with a registry and a tag or digest.
func normalize(image string) (string, error) {
	named, err := reference.ParseDockerRef(image)
	if err != nil {
		return "", err
	}
	return named.String(), nil
}

// lookup asks the store, or remembers.
func (p *Puller) lookup(ctx context.Context, ref string) (*cri.Image, error) {
	p.mu.Lock()
	k, ok := p.known[ref]
	p.mu.Unlock()
	if ok && p.now().Before(k.until) {
		return &k.image, nil
	}
	img, err := p.store.Image(ctx, ref)
	if err != nil || img == nil {
		return nil, err
	}
	p.remember(ref, *img)
	return img, nil
}

func (p *Puller) remember(ref string, img cri.Image) {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for r, k := range p.known {
		if now.After(k.until) {
			delete(p.known, r)
		}
	}
	p.known[ref] = known{image: img, until: now.Add(knownFor)}
}

// Forget drops what is remembered of an image, when a container could not be
// made of it.
func (p *Puller) Forget(image string) {
	if ref, err := normalize(image); err == nil {
		p.mu.Lock()
		delete(p.known, ref)
		p.mu.Unlock()
	}
}

// inspect finds a pulled image by what the runtime calls it.
func (p *Puller) inspect(ctx context.Context, ref, pulled string) (*cri.Image, error) {
	img, err := p.store.Image(ctx, pulled)
	if err != nil {
		return nil, err
	}
	if img == nil {
		return nil, fmt.Errorf("the runtime has no image %s after pulling it", pulled)
	}
	p.remember(ref, *img)
	return img, nil
}

// pull fetches an image with the first credentials that work, together with
// whoever else wants it with the same secrets.
func (p *Puller) pull(ctx context.Context, pod *corev1.Pod, ref string) (string, error) {
	auths, err := p.credentials(ctx, pod, ref)
	if err != nil {
		return "", err
	}
	key := ref
	for _, a := range auths {
		key += "\x00" + strings.Join([]string{a.Server, a.Username, a.Password, a.Auth, a.IdentityToken, a.RegistryToken}, "\x01")
	}
	p.mu.Lock()
	u := p.pulls[key]
	if u == nil {
		work, cancel := context.WithTimeout(context.WithoutCancel(ctx), longest)
		u = &pull{done: make(chan struct{}), cancel: cancel}
		p.pulls[key] = u
		go p.work(work, key, u, ref, auths)
	}
	u.users++
	p.mu.Unlock()
	select {
	case <-u.done:
		return u.ref, u.err
	case <-ctx.Done():
		p.mu.Lock()
		if u.users--; u.users == 0 {
			u.cancel()
			if p.pulls[key] == u {
				delete(p.pulls, key)
			}
		}
		p.mu.Unlock()
		return "", ctx.Err()
	}
}

// work is the owner of one pull; it ends when the pull does or when nobody waits.
func (p *Puller) work(ctx context.Context, key string, u *pull, ref string, auths []cri.Auth) {
	defer u.cancel()
	select {
	case p.slots <- struct{}{}:
		u.ref, u.err = p.try(ctx, ref, auths)
		<-p.slots
	case <-ctx.Done():
		u.err = ctx.Err()
	}
	p.mu.Lock()
	if p.pulls[key] == u {
		delete(p.pulls, key)
	}
	p.mu.Unlock()
	close(u.done)
}

func (p *Puller) try(ctx context.Context, ref string, auths []cri.Auth) (pulled string, err error) {
	if len(auths) == 0 {
		return p.store.Pull(ctx, ref, nil)
	}
	for i := range auths {
		if pulled, err = p.store.Pull(ctx, ref, &auths[i]); err == nil {
			return pulled, nil
		}
	}
	return "", err
}
