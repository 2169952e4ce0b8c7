package deployment

import (
	"math"
	"strconv"
	"strings"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// What an update may do when the strategy does not say: Kubernetes' defaults.
var quarter = &metav1.IntOrString{Type: 1, StrVal: "25%"}

// fenceposts are how many replicas may be there beyond those wanted, and how many may be missing: percentages of the wanted number, surge
// rounded up and unavailability rounded down. When both come to nothing, one may be missing, or nothing could ever move.
func fenceposts(d *appsv1.Deployment) (surge, unavailable int32) {
	if !isRolling(d) || wanted(d) == 0 {
		return 0, 0
	}
	rolling := d.GetSpec().GetStrategy().GetRollingUpdate()
	surge = resolve(rolling.GetMaxSurge(), wanted(d), math.Ceil)
	unavailable = resolve(rolling.GetMaxUnavailable(), wanted(d), math.Floor)
	if surge == 0 && unavailable == 0 {
		unavailable = 1
	}
	return surge, min(unavailable, wanted(d))
}

func resolve(v *metav1.IntOrString, of int32, round func(float64) float64) int32 {
	if v == nil {
		v = quarter
	}
	if v.GetType() == 0 {
		return max(v.GetIntVal(), 0)
	}
	percent, err := strconv.Atoi(strings.TrimSuffix(v.GetStrVal(), "%"))
	if err != nil || percent < 0 {
		return 0
	}
	return int32(round(float64(percent) * float64(of) / 100))
}
