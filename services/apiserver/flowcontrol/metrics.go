package flowcontrol

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const prefix = "kaji_flowcontrol_"

var (
	byLevel       = []string{"level"}
	descSeats     = prometheus.NewDesc(prefix+"seats", "Seats that a level has before anybody borrows.", byLevel, nil)
	descUsed      = prometheus.NewDesc(prefix+"seats_used", "Seats in use.", byLevel, nil)
	descInflight  = prometheus.NewDesc(prefix+"inflight", "Calls carried out now.", byLevel, nil)
	descQueued    = prometheus.NewDesc(prefix+"queued", "Calls that wait for their turn.", byLevel, nil)
	descFlows     = prometheus.NewDesc(prefix+"flows", "Identities with calls under way or waiting.", byLevel, nil)
	descDispatch  = prometheus.NewDesc(prefix+"dispatched_total", "Calls that got their turn.", byLevel, nil)
	descRejected  = prometheus.NewDesc(prefix+"rejected_total", "Calls turned away, or that gave up waiting.", []string{"level", "reason"}, nil)
	descStreams   = prometheus.NewDesc(prefix+"streams", "Streams open now that are no watches.", nil, nil)
	descNoStreams = prometheus.NewDesc(prefix+"streams_rejected_total", "Streams turned away.", nil, nil)
)

// waits are how long calls waited that had to.
type waits struct{ *prometheus.HistogramVec }

func newWaits() *waits {
	return &waits{prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    prefix + "wait_seconds",
		Help:    "How long calls waited for their turn; those that had it at once are not among them.",
		Buckets: []float64{.001, .005, .02, .05, .1, .25, .5, 1, 2, 5, 10, 15, 30},
	}, byLevel)}
}

func (w *waits) observe(level string, d time.Duration) {
	w.WithLabelValues(level).Observe(d.Seconds())
}

// Describe implements prometheus.Collector.
func (c *Controller) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descSeats, descUsed, descInflight, descQueued, descFlows, descDispatch, descRejected, descStreams, descNoStreams,
	} {
		ch <- d
	}
	c.waits.Describe(ch)
}

// Collect implements prometheus.Collector.
func (c *Controller) Collect(ch chan<- prometheus.Metric) {
	c.collectLevels(ch)
	c.waits.Collect(ch)
	c.streams.mu.Lock()
	defer c.streams.mu.Unlock()
	ch <- prometheus.MustNewConstMetric(descStreams, prometheus.GaugeValue, float64(c.streams.total))
	ch <- prometheus.MustNewConstMetric(descNoStreams, prometheus.CounterValue, float64(c.streams.rejected))
}

func (c *Controller) collectLevels(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.pool.levels {
		gauge := func(d *prometheus.Desc, v int) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), l.Name)
		}
		gauge(descSeats, l.guaranteed)
		gauge(descUsed, l.used)
		gauge(descInflight, l.executing)
		gauge(descQueued, l.queued)
		gauge(descFlows, len(l.flows))
		ch <- prometheus.MustNewConstMetric(descDispatch, prometheus.CounterValue, float64(l.dispatched), l.Name)
		for why, n := range l.turnedAway {
			ch <- prometheus.MustNewConstMetric(descRejected, prometheus.CounterValue, float64(n), l.Name, why)
		}
	}
}
