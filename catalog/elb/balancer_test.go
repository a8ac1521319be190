package elb

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// cloud is an account with a network and a target group.
type cloud struct {
	*remedytest.Account
	t           *testing.T
	api         *elasticloadbalancingv2.Client
	subnets     []string
	vpc, target string
}

func newCloud(t *testing.T) cloud {
	t.Helper()
	acct := remedytest.NewAccount(t)
	c := cloud{Account: acct, t: t, api: elasticloadbalancingv2.NewFromConfig(acct.Config)}
	net := ec2.NewFromConfig(acct.Config)
	vpc, err := net.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	c.vpc = aws.ToString(remedytest.Must(t, vpc, err).Vpc.VpcId)
	for zone, cidr := range map[string]string{"eu-west-1a": "10.0.1.0/24", "eu-west-1b": "10.0.2.0/24"} {
		s, err := net.CreateSubnet(t.Context(), &ec2.CreateSubnetInput{VpcId: &c.vpc, CidrBlock: &cidr, AvailabilityZone: &zone})
		c.subnets = append(c.subnets, aws.ToString(remedytest.Must(t, s, err).Subnet.SubnetId))
	}
	c.target = c.newTarget("app")
	return c
}

func (c cloud) newTarget(name string) string {
	c.t.Helper()
	out, err := c.api.CreateTargetGroup(c.t.Context(), &elasticloadbalancingv2.CreateTargetGroupInput{Name: &name, Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), VpcId: &c.vpc})
	return aws.ToString(remedytest.Must(c.t, out, err).TargetGroups[0].TargetGroupArn)
}

// newBalancer returns the ARN of a new load balancer.
func (c cloud) newBalancer(name string, kind types.LoadBalancerTypeEnum) string {
	c.t.Helper()
	out, err := c.api.CreateLoadBalancer(c.t.Context(), &elasticloadbalancingv2.CreateLoadBalancerInput{
		Name: &name, Type: kind, Subnets: c.subnets, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("web")}},
	})
	return aws.ToString(remedytest.Must(c.t, out, err).LoadBalancers[0].LoadBalancerArn)
}

func (c cloud) listen(balancer string, protocol types.ProtocolEnum, port int32, does types.Action) string {
	c.t.Helper()
	in := &elasticloadbalancingv2.CreateListenerInput{LoadBalancerArn: &balancer, Protocol: protocol, Port: &port, DefaultActions: []types.Action{does}}
	if protocol == types.ProtocolEnumHttps {
		in.Certificates = []types.Certificate{{CertificateArn: aws.String(c.upload("certificate-" + balancer[strings.LastIndex(balancer, "/")+1:]))}}
	}
	out, err := c.api.CreateListener(c.t.Context(), in)
	return aws.ToString(remedytest.Must(c.t, out, err).Listeners[0].ListenerArn)
}

func (c cloud) rule(listener string, priority int32, path string, does types.Action) string {
	c.t.Helper()
	out, err := c.api.CreateRule(c.t.Context(), &elasticloadbalancingv2.CreateRuleInput{
		ListenerArn: &listener, Priority: &priority, Actions: []types.Action{does}, Conditions: []types.RuleCondition{{Field: aws.String("path-pattern"), PathPatternConfig: &types.PathPatternConditionConfig{Values: []string{path}}}},
	})
	return aws.ToString(remedytest.Must(c.t, out, err).Rules[0].RuleArn)
}

// upload gives IAM a certificate and returns its ARN.
func (c cloud) upload(name string) string {
	c.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(1700000000, 0), NotAfter: time.Unix(2000000000, 0)}
	der, err2 := x509.CreateCertificate(rand.Reader, template, template, &remedytest.Must(c.t, key, err).PublicKey, key)
	private, err3 := x509.MarshalECPrivateKey(key)
	in := &iam.UploadServerCertificateInput{
		ServerCertificateName: &name,
		CertificateBody:       aws.String(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: remedytest.Must(c.t, der, err2)}))),
		PrivateKey:            aws.String(string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: remedytest.Must(c.t, private, err3)}))),
	}
	out, err := iam.NewFromConfig(c.Config).UploadServerCertificate(c.t.Context(), in)
	return aws.ToString(remedytest.Must(c.t, out, err).ServerCertificateMetadata.Arn)
}

func (c cloud) delete(balancer string) {
	c.t.Helper()
	_, err := c.api.DeleteLoadBalancer(c.t.Context(), &elasticloadbalancingv2.DeleteLoadBalancerInput{LoadBalancerArn: &balancer})
	remedytest.Must(c.t, balancer, err)
}

// ended runs a unit on a resource and returns how the run ended.
func ended[P, S any](c cloud, u remedy.Unit[P, S], control, resource string) asr.Run {
	c.t.Helper()
	return remedytest.End(c.t, c.Account, u, remedytest.Case{Control: control, Resource: resource})
}
