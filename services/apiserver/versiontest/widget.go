package versiontest

import (
	"encoding/json"
	"fmt"

	testv1 "kaji.dev/kaji/gen/kaji/test/v1"
	testv2 "kaji.dev/kaji/gen/kaji/test/v2"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/strategy"
)

// Conversions converts Widgets: v2 is stored.
func Conversions() strategy.Conversions {
	return strategy.Conversions{"kaji.test.v1.Widget": strategy.Convert(widgetToStored, widgetFromStored)}
}

// moreAnnotation holds, in v1, what only v2 can say.
const moreAnnotation = "test.kaji.dev/v2"

// more is what v1 cannot say. The values that v1 can say are there too: when they have changed since, the rest that hangs on
// them is no longer true.
type more struct {
	Width    int32            `json:"width,omitempty"` // in millimetres
	Height   int32            `json:"height,omitempty"`
	Finish   string           `json:"finish,omitempty"`
	Percents map[string]int32 `json:"percents,omitempty"`
}

func widgetToStored(from *testv1.Widget, to *testv2.Widget) error {
	var kept more
	if text := from.GetMetadata().GetAnnotations()[moreAnnotation]; text != "" {
		if err := json.Unmarshal([]byte(text), &kept); err != nil {
			return fmt.Errorf("metadata.annotations[%s]: %w", moreAnnotation, err)
		}
		strategy.Annotation(to.Metadata, moreAnnotation, "")
	}
	if s := from.GetSpec(); s != nil || kept.Height != 0 || kept.Finish != "" {
		to.Spec = &testv2.WidgetSpec{}
		width := s.GetSize() * 10
		if kept.Width/10 == s.GetSize() && kept.Width != 0 {
			width = kept.Width
		}
		if width != 0 || kept.Height != 0 {
			to.Spec.Dimensions = &testv2.Dimensions{Width: width, Height: kept.Height}
		}
		if s.GetColor() != "" || kept.Finish != "" {
			to.Spec.Paint = &testv2.Paint{Color: s.GetColor(), Finish: kept.Finish}
		}
		for _, name := range s.GetMaterials() {
			to.Spec.Materials = append(to.Spec.Materials, &testv2.Material{Name: name, Percent: kept.Percents[name]})
		}
	}
	switch phase := from.GetStatus().GetPhase(); phase {
	case "":
		if from.GetStatus() != nil {
			to.Status = &testv2.WidgetStatus{}
		}
	case "Made", "Broken":
		made := phase == "Made"
		to.Status = &testv2.WidgetStatus{Made: &made}
	default:
		return fmt.Errorf("status.phase: %q is neither Made nor Broken", phase)
	}
	return nil
}

func widgetFromStored(from *testv2.Widget, to *testv1.Widget) error {
	if s := from.GetSpec(); s != nil {
		to.Spec = &testv1.WidgetSpec{Size: s.GetDimensions().GetWidth() / 10, Color: s.GetPaint().GetColor()}
		kept := more{Height: s.GetDimensions().GetHeight(), Finish: s.GetPaint().GetFinish()}
		if width := s.GetDimensions().GetWidth(); width%10 != 0 {
			kept.Width = width
		}
		for _, m := range s.GetMaterials() {
			to.Spec.Materials = append(to.Spec.Materials, m.GetName())
			if m.GetPercent() != 0 {
				if kept.Percents == nil {
					kept.Percents = map[string]int32{}
				}
				kept.Percents[m.GetName()] = m.GetPercent()
			}
		}
		if kept.Width != 0 || kept.Height != 0 || kept.Finish != "" || len(kept.Percents) > 0 {
			text, err := json.Marshal(kept)
			if err != nil {
				return err
			}
			strategy.Annotation(kind.Metadata(to), moreAnnotation, string(text))
		}
	}
	if s := from.GetStatus(); s != nil {
		to.Status = &testv1.WidgetStatus{}
		if s.Made != nil {
			to.Status.Phase = map[bool]string{true: "Made", false: "Broken"}[s.GetMade()]
		}
	}
	return nil
}
