package whoami

import (
	"context"
	"errors"
	"slices"
	"strings"

	"kaji.dev/kaji/apierror"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/authz"
)

// ReviewAccess implements apiv1.AuthServiceServer: the authorizer is asked as it is for a request.
func (s Service) ReviewAccess(ctx context.Context, r *apiv1.ReviewAccessRequest) (*apiv1.ReviewAccessResponse, error) {
	who, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	out := &apiv1.ReviewAccessResponse{}
	for _, a := range r.GetAttributes() {
		attributes, err := attributesOf(a)
		if err != nil {
			return nil, err
		}
		attributes.Identity = who
		review := &apiv1.AccessReview{Allowed: true}
		err = s.Authorizer.Authorize(ctx, attributes)
		var e *apierror.Error
		switch {
		case errors.As(err, &e) && e.Reason == apierror.ReasonForbidden:
			review.Allowed, review.Reason = false, e.Error()
		case err != nil:
			return nil, err
		}
		out.Reviews = append(out.Reviews, review)
	}
	return out, nil
}

func attributesOf(a *apiv1.AccessAttributes) (authz.Attributes, error) {
	bad := func(field, value, want string) error {
		return apierror.BadRequest(field+" "+want, apierror.FieldViolation{
			Field: "attributes." + field, Description: "\"" + value + "\" is none: it " + want, Reason: "FieldValueNotSupported",
		})
	}
	verb, ok := verbOf(a.GetVerb())
	if !ok {
		return authz.Attributes{}, bad("verb", a.GetVerb(), "must be one of "+strings.Join(verbs(), ", "))
	}
	k := kind.Lookup(a.GetResource())
	if k == nil {
		return authz.Attributes{}, bad("resource", a.GetResource(), "must name a kind, such as pods.core")
	}
	return authz.Attributes{Verb: verb, Kind: k, Subresource: a.GetSubresource(), Namespace: a.GetNamespace(), Name: a.GetName()}, nil
}

func verbs() []string {
	var out []string
	for number := range metav1.Verb_name {
		if v := metav1.Verb(number); v != metav1.Verb_VERB_UNSPECIFIED {
			out = append(out, authz.Word(v))
		}
	}
	slices.Sort(out)
	return out
}

func verbOf(word string) (metav1.Verb, bool) {
	for number := range metav1.Verb_name {
		if v := metav1.Verb(number); v != metav1.Verb_VERB_UNSPECIFIED && authz.Word(v) == word {
			return v, true
		}
	}
	return 0, false
}

// caller is who asks; a caller without an identity is refused.
func caller(ctx context.Context) (identity.Identity, error) {
	who, ok := identity.FromContext(ctx)
	if !ok || who.Name == "" {
		return identity.Identity{}, apierror.Unauthenticated("a caller without a client certificate is nobody")
	}
	return who, nil
}
