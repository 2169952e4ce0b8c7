package grpcserver

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc/codes"
)

// callMetrics counts calls. The children of the vectors are kept, since finding them by label costs more
// than the rest of the bookkeeping of a small call.
type callMetrics struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	streams  prometheus.Gauge

	counters   sync.Map // callKey → prometheus.Counter
	histograms sync.Map // method → prometheus.Observer
}

type callKey struct {
	method string
	code   codes.Code
}

func newCallMetrics(r *prometheus.Registry) *callMetrics {
	m := &callMetrics{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kaji_grpc_calls_total", Help: "Calls by method and code.",
		}, []string{"method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kaji_grpc_call_seconds", Help: "Duration of calls by method; streams count from their first to their last moment.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2.5, 12),
		}, []string{"method"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{Name: "kaji_grpc_streams", Help: "Streams open now."}),
	}
	r.MustRegister(m.total, m.duration, m.streams)
	// Several servers of one process may share a registry; the process describes itself once.
	for _, c := range []prometheus.Collector{collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		_ = r.Register(c)
	}
	return m
}

func (m *callMetrics) observe(method string, code codes.Code, took time.Duration) {
	k := callKey{method, code}
	c, ok := m.counters.Load(k)
	if !ok {
		c, _ = m.counters.LoadOrStore(k, m.total.WithLabelValues(method, code.String()))
	}
	c.(prometheus.Counter).Inc()
	h, ok := m.histograms.Load(method)
	if !ok {
		h, _ = m.histograms.LoadOrStore(method, m.duration.WithLabelValues(method))
	}
	h.(prometheus.Observer).Observe(took.Seconds())
}

func metricsHandler(r *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(r, promhttp.HandlerOpts{}))
	addProfiles(mux)
	return mux
}
