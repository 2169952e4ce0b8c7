package strategy

import (
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// probeRole says which of a container's probes one is; their rules differ a little.
type probeRole int

const (
	liveness probeRole = iota
	readiness
	startup
)

func validateProbe(p *corev1.Probe, role probeRole, path *field.Path) field.ErrorList {
	if p == nil {
		return nil
	}
	var errs field.ErrorList
	h := p.GetHandler()
	errs = append(errs, validateHandler(handler{exec: h.GetExec(), http: h.GetHttpGet(), tcp: h.GetTcpSocket(), grpc: h.GetGrpc()}, path)...)
	for _, f := range []struct {
		name  string
		value int32
	}{
		{"initialDelaySeconds", p.InitialDelaySeconds},
		{"timeoutSeconds", p.TimeoutSeconds},
		{"periodSeconds", p.PeriodSeconds},
		{"successThreshold", p.SuccessThreshold},
		{"failureThreshold", p.FailureThreshold},
	} {
		errs = append(errs, nonNegative(path.Child(f.name), int64(f.value))...)
	}
	if role != readiness && p.SuccessThreshold != 1 {
		errs = append(errs, field.Invalid(path.Child("successThreshold"), p.SuccessThreshold, "must be 1"))
	}
	if t := p.TerminationGracePeriodSeconds; t != nil {
		if role == readiness {
			errs = append(errs, field.Invalid(path.Child("terminationGracePeriodSeconds"), *t, "must not be set for readinessProbes"))
		} else if *t <= 0 {
			errs = append(errs, field.Invalid(path.Child("terminationGracePeriodSeconds"), *t, "must be greater than 0"))
		}
	}
	return errs
}

// handler is what a probe or a lifecycle hook does; exactly one must be set.
type handler struct {
	exec  *corev1.ExecAction
	http  *corev1.HTTPGetAction
	tcp   *corev1.TCPSocketAction
	grpc  *corev1.GRPCAction
	sleep *corev1.SleepAction
	// grace bounds a sleep.
	grace *int64
}

func validateHandler(h handler, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	n := 0
	one := func(name string) *field.Path {
		n++
		if n > 1 {
			errs = append(errs, field.Forbidden(path.Child(name), "may not specify more than 1 handler type"))
		}
		return path.Child(name)
	}
	if h.exec != nil {
		if at := one("exec"); len(h.exec.Command) == 0 {
			errs = append(errs, field.Required(at.Child("command"), ""))
		}
	}
	if h.http != nil {
		errs = append(errs, validateHTTPGet(h.http, one("httpGet"))...)
	}
	if h.tcp != nil {
		errs = append(errs, validatePortRef(h.tcp.Port, one("tcpSocket").Child("port"))...)
	}
	if h.grpc != nil {
		at := one("grpc")
		errs = append(errs, validatePortNumber(h.grpc.Port, at.Child("port"))...)
		if h.grpc.Mode != nil {
			errs = append(errs, oneOf(at.Child("mode"), *h.grpc.Mode, "Plaintext", "TLS")...)
		}
	}
	if h.sleep != nil {
		at := one("sleep").Child("seconds")
		if h.grace != nil && (h.sleep.Seconds < 0 || h.sleep.Seconds > *h.grace) {
			errs = append(errs, field.Invalid(at, h.sleep.Seconds, "must not be negative, nor more than terminationGracePeriodSeconds"))
		}
	}
	if n == 0 {
		errs = append(errs, field.Required(path, "must specify a handler type"))
	}
	return errs
}

func validateHTTPGet(h *corev1.HTTPGetAction, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if h.Path == "" {
		errs = append(errs, field.Required(path.Child("path"), ""))
	}
	errs = append(errs, validatePortRef(h.Port, path.Child("port"))...)
	errs = append(errs, oneOf(path.Child("scheme"), h.Scheme, "HTTP", "HTTPS")...)
	for i, header := range h.HttpHeaders {
		errs = append(errs, each(path.Child("httpHeaders").Index(i).Child("name"), header.Name, validation.IsHTTPHeaderName(header.Name))...)
	}
	if h.Protocol != nil {
		errs = append(errs, oneOf(path.Child("protocol"), *h.Protocol, "HTTP1", "HTTP2")...)
	}
	return errs
}

// validatePortRef checks a port given as a number or as the name of a container's port.
func validatePortRef(p *metav1.IntOrString, path *field.Path) field.ErrorList {
	if p.GetType() == 1 {
		return each(path, p.GetStrVal(), validation.IsValidPortName(p.GetStrVal()))
	}
	return validatePortNumber(p.GetIntVal(), path)
}

func validateLifecycle(l *corev1.Lifecycle, grace *int64, os string, path *field.Path) field.ErrorList {
	if l == nil {
		return nil
	}
	var errs field.ErrorList
	hook := func(name string, h *corev1.LifecycleHandler) {
		if h != nil {
			errs = append(errs, validateHandler(handler{exec: h.Exec, http: h.HttpGet, tcp: h.TcpSocket, sleep: h.Sleep, grace: grace}, path.Child(name))...)
		}
	}
	hook("postStart", l.PostStart)
	hook("preStop", l.PreStop)
	if s := l.StopSignal; s != nil {
		at := path.Child("stopSignal")
		switch os {
		case "":
			errs = append(errs, field.Forbidden(at, "may not be set for containers with empty `spec.os.name`"))
		case "windows":
			errs = append(errs, oneOf(at, *s, "SIGKILL", "SIGTERM")...)
		default:
			errs = append(errs, validateSignal(*s, at)...)
		}
	}
	return errs
}

// signals that Linux has by name, in alphabetical order; the real-time ones come on top.
var signals = strings.Fields("SIGABRT SIGALRM SIGBUS SIGCHLD SIGCLD SIGCONT SIGFPE SIGHUP SIGILL SIGINT SIGIO SIGIOT SIGKILL " +
	"SIGPIPE SIGPOLL SIGPROF SIGPWR SIGQUIT SIGSEGV SIGSTKFLT SIGSTOP SIGSYS SIGTERM SIGTRAP SIGTSTP SIGTTIN SIGTTOU SIGURG " +
	"SIGUSR1 SIGUSR2 SIGVTALRM SIGWINCH SIGXCPU SIGXFSZ SIGRTMIN SIGRTMAX")

func validateSignal(s string, path *field.Path) field.ErrorList {
	if slices.Contains(signals, s) {
		return nil
	}
	within := func(prefix string, max int) bool {
		n, err := strconv.Atoi(strings.TrimPrefix(s, prefix))
		return strings.HasPrefix(s, prefix) && err == nil && n >= 1 && n <= max
	}
	if within("SIGRTMIN+", 15) || within("SIGRTMAX-", 14) {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, s, signals)}
}
