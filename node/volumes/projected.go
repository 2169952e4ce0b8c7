package volumes

import (
	"context"
	"fmt"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// defaultTokenLifetime is how long a projected token lasts that sets nothing.
const defaultTokenLifetime = time.Hour

func (m *Manager) projectedContents(ctx context.Context, pod *corev1.Pod, info PodInfo, s *corev1.ProjectedVolumeSource) (*payload, error) {
	p := newPayload(s.DefaultMode, s.DefaultUser)
	for _, source := range s.GetSources() {
		var err error
		switch {
		case source.GetConfigMap() != nil:
			c := source.GetConfigMap()
			err = m.addConfigMap(ctx, p, pod, c.GetLocalObjectReference().GetName(), c.GetItems(), c.GetOptional())
		case source.GetSecret() != nil:
			c := source.GetSecret()
			err = m.addSecret(ctx, p, pod, c.GetLocalObjectReference().GetName(), c.GetItems(), c.GetOptional())
		case source.GetDownwardApi() != nil:
			err = addDownward(p, pod, info, source.GetDownwardApi().GetItems())
		case source.GetServiceAccountToken() != nil:
			err = m.addToken(ctx, p, pod, source.GetServiceAccountToken())
		case source.GetClusterTrustBundle() != nil:
			err = fmt.Errorf("clusterTrustBundle: %w", ErrUnsupported)
		case source.GetPodCertificate() != nil:
			err = fmt.Errorf("podCertificate: %w", ErrUnsupported)
		}
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (m *Manager) addToken(ctx context.Context, p *payload, pod *corev1.Pod, s *corev1.ServiceAccountTokenProjection) error {
	if m.cfg.Tokens == nil {
		return fmt.Errorf("serviceAccountToken: %w", ErrUnsupported)
	}
	lifetime := defaultTokenLifetime
	if s.ExpirationSeconds != nil {
		lifetime = time.Duration(s.GetExpirationSeconds()) * time.Second
	}
	token, err := m.cfg.Tokens.Token(ctx, pod, s.GetAudience(), lifetime)
	if err != nil {
		return fmt.Errorf("serviceAccountToken: %w", err)
	}
	// A token is for its reader alone, where it is known who that is.
	mode, user := p.mode, s.User
	if user == nil {
		user = commonUser(pod)
	}
	if user != nil || fsGroup(pod) != nil {
		mode = 0o600
	}
	return p.add(s.GetPath(), []byte(token), &mode, user)
}

// commonUser is the user that every container of the pod runs as, if there is one
// set for all of them.
func commonUser(pod *corev1.Pod) *int64 {
	var common *int64
	spec := pod.GetSpec()
	for _, list := range [][]*corev1.Container{spec.GetInitContainers(), spec.GetContainers()} {
		for _, c := range list {
			user := runAsUser(spec.GetSecurityContext(), c.GetSecurityContext())
			if user == nil || (common != nil && *common != *user) {
				return nil
			}
			common = user
		}
	}
	return common
}

func runAsUser(pod *corev1.PodSecurityContext, own *corev1.SecurityContext) *int64 {
	if own != nil && own.RunAsUser != nil {
		return own.RunAsUser
	}
	if pod != nil {
		return pod.RunAsUser
	}
	return nil
}
