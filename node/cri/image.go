package cri

import (
	"context"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Image is an image that the runtime has.
type Image struct {
	// ID is what containers are created from.
	ID string
	// UID is the image's numeric user, Username its named one; both unset is root.
	UID      *int64
	Username string
	Tags     []string
	Digests  []string
	Size     int64
}

// Auth is what a registry wants to know.
type Auth struct {
	Username, Password, Auth, Server, IdentityToken, RegistryToken string
}

// Image looks an image up in the runtime's store; nil if it is not there.
func (c *Client) Image(ctx context.Context, ref string) (*Image, error) {
	r, err := c.images.ImageStatus(ctx, &runtimeapi.ImageStatusRequest{Image: &runtimeapi.ImageSpec{Image: ref}})
	if err != nil {
		return nil, wrap("ImageStatus", ref, err)
	}
	if r.GetImage() == nil {
		return nil, nil
	}
	return image(r.GetImage()), nil
}

// Images lists what is in the runtime's store.
func (c *Client) Images(ctx context.Context) ([]Image, error) {
	r, err := c.images.ListImages(ctx, &runtimeapi.ListImagesRequest{})
	if err != nil {
		return nil, wrap("ListImages", "", err)
	}
	out := make([]Image, 0, len(r.GetImages()))
	for _, i := range r.GetImages() {
		out = append(out, *image(i))
	}
	return out, nil
}

// Pull fetches an image and returns what the runtime calls it.
func (c *Client) Pull(ctx context.Context, ref string, auth *Auth) (string, error) {
	req := &runtimeapi.PullImageRequest{Image: &runtimeapi.ImageSpec{Image: ref}}
	if auth != nil {
		req.Auth = &runtimeapi.AuthConfig{Username: auth.Username, Password: auth.Password, Auth: auth.Auth,
			ServerAddress: auth.Server, IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken}
	}
	r, err := c.images.PullImage(ctx, req)
	if err != nil {
		return "", wrap("PullImage", ref, err)
	}
	return r.GetImageRef(), nil
}

func image(i *runtimeapi.Image) *Image {
	out := &Image{ID: i.GetId(), Username: i.GetUsername(), Tags: i.GetRepoTags(), Digests: i.GetRepoDigests(), Size: int64(i.GetSize())}
	if u := i.GetUid(); u != nil {
		v := u.GetValue()
		out.UID = &v
	}
	return out
}
