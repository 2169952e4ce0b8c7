package apiserver_test

import (
	"testing"

	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"

	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/apitest"
)

// Tools that know nothing of Kaji find every service and its messages.
func TestReflectionShowsEveryService(t *testing.T) {
	s := apitest.Start(t, nil)
	stream := check(reflectionv1.NewServerReflectionClient(s.Client().Conn()).ServerReflectionInfo(t.Context()))(t)
	ask := func(req *reflectionv1.ServerReflectionRequest) *reflectionv1.ServerReflectionResponse {
		t.Helper()
		if err := stream.Send(req); err != nil {
			t.Fatal(err)
		}
		return check(stream.Recv())(t)
	}
	listed := map[string]bool{}
	for _, service := range ask(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{},
	}).GetListServicesResponse().GetService() {
		listed[service.GetName()] = true
	}
	wanted := []string{"kaji.api.v1.ResourceService", "kaji.api.v1.JoinService", "kaji.scheduler.v1.SchedulerService", "grpc.health.v1.Health"}
	for _, k := range kind.All() {
		wanted = append(wanted, string(k.Service))
	}
	for _, name := range wanted {
		if !listed[name] {
			t.Errorf("%s is not listed", name)
		}
		resp := ask(&reflectionv1.ServerReflectionRequest{
			MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: name},
		})
		if len(resp.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
			t.Errorf("%s is not described: %v", name, resp.GetErrorResponse())
		}
	}
}
