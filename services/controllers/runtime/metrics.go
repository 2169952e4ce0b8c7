package runtime

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the controllers' figures for Prometheus. A nil *Metrics counts nothing.
type Metrics struct {
	total   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	panics  *prometheus.CounterVec
	leading prometheus.Gauge
	depth   *prometheus.Desc

	mu     sync.Mutex
	depths map[string]func() int
}

// NewMetrics makes the figures and registers them.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kaji_controller_reconcile_total", Help: "Calls of Reconcile by controller and result (success, conflict, error).",
		}, []string{"controller", "result"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kaji_controller_reconcile_duration_seconds", Help: "How long calls of Reconcile took.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 9),
		}, []string{"controller"}),
		panics: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kaji_controller_panics_total", Help: "Panics in Reconcile that were turned into errors.",
		}, []string{"controller"}),
		leading: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kaji_controllers_leading", Help: "1 while this process leads and its controllers run.",
		}),
		depth:  prometheus.NewDesc("kaji_controller_queue_depth", "Keys that wait to be worked on.", []string{"controller"}, nil),
		depths: map[string]func() int{},
	}
	for _, c := range []prometheus.Collector{m.total, m.seconds, m.panics, m.leading, m} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Describe tells Prometheus of the queues' depth.
func (m *Metrics) Describe(out chan<- *prometheus.Desc) { out <- m.depth }

// Collect reads the queues' depth.
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, depth := range m.depths {
		out <- prometheus.MustNewConstMetric(m.depth, prometheus.GaugeValue, float64(depth()), name)
	}
}

// Leading notes whether this process leads.
func (m *Metrics) Leading(leading bool) {
	switch {
	case m == nil:
	case leading:
		m.leading.Set(1)
	default:
		m.leading.Set(0)
	}
}

func (m *Metrics) watchDepth(controller string, depth func() int) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.depths[controller] = depth
}

func (m *Metrics) forgetDepth(controller string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.depths, controller)
}

func (m *Metrics) observe(controller, result string, took time.Duration) {
	if m == nil {
		return
	}
	m.total.WithLabelValues(controller, result).Inc()
	m.seconds.WithLabelValues(controller).Observe(took.Seconds())
}

func (m *Metrics) panicked(controller string) {
	if m == nil {
		return
	}
	m.panics.WithLabelValues(controller).Inc()
}
