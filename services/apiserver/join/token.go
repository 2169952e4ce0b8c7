package join

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

const (
	tokenNamespace = "kaji-system"
	tokenType      = "kaji.dev/join-token"
	defaultTTL     = 24 * time.Hour

	idBytes     = 4
	secretBytes = 20

	keyHash        = "secret-sha256"
	keyExpires     = "expires"
	keyDescription = "description"
)

var (
	secrets = kind.Of(&corev1.Secret{})
	nodes   = kind.Of(&corev1.Node{})
)

// token is a join token. secret is only known while it is made; afterwards there is its hash alone.
type token struct {
	id, secret  string
	hash        [sha256.Size]byte
	expires     time.Time
	description string
}

func newToken(expires time.Time, description string) token {
	t := token{id: randomHex(idBytes), secret: randomHex(secretBytes), expires: expires, description: description}
	t.hash = sha256.Sum256([]byte(t.secret))
	return t
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func tokenName(id string) string { return "join-token-" + id }

// object is the Secret that stands for the token. A plain hash is enough: the secret has 160 random bits.
func (t token) object() *corev1.Secret {
	return &corev1.Secret{
		Metadata: &metav1.ObjectMeta{Namespace: tokenNamespace, Name: tokenName(t.id)},
		Type:     tokenType,
		Data: map[string][]byte{
			keyHash:        []byte(hex.EncodeToString(t.hash[:])),
			keyExpires:     []byte(t.expires.UTC().Format(time.RFC3339)),
			keyDescription: []byte(t.description),
		},
	}
}

func fromObject(o kind.Object) (token, bool) {
	s, ok := o.(*corev1.Secret)
	if !ok || s.GetType() != tokenType {
		return token{}, false
	}
	t := token{id: strings.TrimPrefix(s.GetMetadata().GetName(), tokenName("")), description: string(s.GetData()[keyDescription])}
	n, err := hex.Decode(t.hash[:], s.GetData()[keyHash])
	if err != nil || n != len(t.hash) {
		return token{}, false
	}
	t.expires, err = time.Parse(time.RFC3339, string(s.GetData()[keyExpires]))
	return t, err == nil
}

// matches compares in constant time.
func (t token) matches(secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(sum[:], t.hash[:]) == 1
}

// parse takes a token apart: id.secret, the CA's hash after it being the client's business.
func parse(text string) (id, secret string, ok bool) {
	parts := strings.Split(strings.TrimSpace(text), ".")
	if len(parts) != 2 && len(parts) != 3 {
		return "", "", false
	}
	return parts[0], parts[1], isHex(parts[0], idBytes) && isHex(parts[1], secretBytes)
}

func isHex(s string, n int) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == n && s == strings.ToLower(s)
}
