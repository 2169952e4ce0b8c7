package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// gauge reads a metric without labels from the API server.
func gauge(ctx context.Context, s side, name string) (int64, error) {
	page, err := s.debug(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(page)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return int64(f), err
		}
	}
	return 0, fmt.Errorf("%s shows no metric %s", s.name(), name)
}
