package node

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kaji.dev/kaji/node/pods"
)

// metrics are what the agent shows of itself beside the metrics of its server.
type metrics struct {
	operations *prometheus.HistogramVec
	failures   *prometheus.CounterVec
}

// newMetrics registers the agent's metrics.
func newMetrics(r *prometheus.Registry, node string) *metrics {
	labels := prometheus.Labels{"node": node}
	m := &metrics{
		operations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kaji_node_operation_seconds", Help: "Duration of operations on pods, by operation.", ConstLabels: labels,
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 14),
		}, []string{"operation"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kaji_node_operation_failures_total", Help: "Operations on pods that failed, by operation.", ConstLabels: labels,
		}, []string{"operation"}),
	}
	r.MustRegister(m.operations, m.failures)
	return m
}

// observe notes an operation that has ended.
func (m *metrics) observe(operation string, took time.Duration, failed bool) {
	m.operations.WithLabelValues(operation).Observe(took.Seconds())
	if failed {
		m.failures.WithLabelValues(operation).Inc()
	}
}

// podCount collects the pods of the node by state.
type podCount struct {
	pods func() []pods.Info
	desc *prometheus.Desc
}

func newPodCount(node string, list func() []pods.Info) *podCount {
	return &podCount{pods: list, desc: prometheus.NewDesc("kaji_node_pods", "Pods that the agent looks after, by state.", []string{"state"}, prometheus.Labels{"node": node})}
}

// Describe implements prometheus.Collector.
func (c *podCount) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect implements prometheus.Collector.
func (c *podCount) Collect(ch chan<- prometheus.Metric) {
	count := map[string]float64{}
	for _, p := range c.pods() {
		count[p.State]++
	}
	for state, n := range count {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, n, state)
	}
}
