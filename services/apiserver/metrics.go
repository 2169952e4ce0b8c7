package apiserver

import (
	"github.com/prometheus/client_golang/prometheus"

	"kaji.dev/kaji/services/apiserver/watchcache"
)

var (
	cacheRevision = prometheus.NewDesc("kaji_watchcache_revision", "Revision that a kind's cache has reached.", []string{"kind"}, nil)
	cacheObjects  = prometheus.NewDesc("kaji_watchcache_objects", "Objects in a kind's cache.", []string{"kind"}, nil)
	cacheEvents   = prometheus.NewDesc("kaji_watchcache_events", "Changes remembered for watches to resume from.", []string{"kind"}, nil)
	cacheWatchers = prometheus.NewDesc("kaji_watchcache_watchers", "Watches open now.", []string{"kind"}, nil)
)

// cacheMetrics shows the caches to Prometheus.
type cacheMetrics struct {
	caches *watchcache.Caches
}

// Describe implements prometheus.Collector.
func (cacheMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{cacheRevision, cacheObjects, cacheEvents, cacheWatchers} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m cacheMetrics) Collect(ch chan<- prometheus.Metric) {
	m.caches.Each(func(c *watchcache.Cache) {
		s := c.Stats()
		gauge := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, s.Kind)
		}
		gauge(cacheRevision, float64(s.Revision))
		gauge(cacheObjects, float64(s.Objects))
		gauge(cacheEvents, float64(s.Events))
		gauge(cacheWatchers, float64(s.Watchers))
	})
}
