package scheduler

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kaji.dev/kaji/services/scheduler/queue"
)

// metrics counts what the scheduler does.
type metrics struct {
	attempts *prometheus.CounterVec
	seconds  prometheus.Histogram
	bindings *prometheus.CounterVec
}

func newMetrics() *metrics {
	return &metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kaji_scheduler_attempts_total", Help: "Decisions made, by result.",
		}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kaji_scheduler_decision_seconds", Help: "Time to decide about one pod, without the binding.",
			Buckets: prometheus.ExponentialBuckets(10e-6, 3, 10),
		}),
		bindings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kaji_scheduler_bindings_total", Help: "Bindings sent, by what became of them.",
		}, []string{"result"}),
	}
}

func (m *metrics) attempt(result string, started time.Time) {
	m.attempts.WithLabelValues(result).Inc()
	m.seconds.Observe(time.Since(started).Seconds())
}

func (m *metrics) binding(result string) { m.bindings.WithLabelValues(result).Inc() }

// register shows the metrics, and the sizes of queue and cache, in a registry.
func (m *metrics) register(r *prometheus.Registry, s *Scheduler) {
	r.MustRegister(m.attempts, m.seconds, m.bindings)
	for _, state := range []queue.State{queue.Active, queue.Backoff, queue.Unschedulable, queue.Gated, queue.Binding} {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "kaji_scheduler_pending_pods", Help: "Pods without a node, by where they stand.", ConstLabels: prometheus.Labels{"state": state.String()},
		}, func() float64 { return float64(s.queue.Count(state)) }))
	}
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "kaji_scheduler_leading", Help: "1 while this process schedules."}, func() float64 {
		if s.leading.Load() {
			return 1
		}
		return 0
	}))
}
