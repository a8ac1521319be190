package securityhub

import (
	"strings"

	"example.com/asr"
)

// standardOf finds the standard's own number for a control in the first text
// that has one. It is written as NAME/v/VERSION/CONTROL, or
// NAME/v/VERSION/rule/CONTROL, at the end of an ARN or before "/finding/", in
// whichever partition:
//
//	arn:aws:securityhub:us-east-1:111111111111:control/pci-dss/v/3.2.1/PCI.S3.1
//	arn:aws-cn:securityhub:cn-north-1:111111111111:subscription/cis-aws-foundations-benchmark/v/1.4.0/1.5/finding/…
//	arn:aws:securityhub:::ruleset/cis-aws-foundations-benchmark/v/1.2.0/rule/1.3
//	aws-foundational-security-best-practices/v/1.0.0/S3.1
//
// Source: Security Hub User Guide, "Impact of consolidation on ASFF fields and values".
func standardOf(texts ...string) asr.Standard {
	for _, text := range texts {
		if len(text) > maxName {
			continue
		}
		text, _, _ = strings.Cut(text, "/finding/")
		if i := strings.LastIndexByte(text, ':'); i >= 0 {
			text = text[i+1:]
		}
		parts := strings.Split(text, "/")
		if n := len(parts); n >= 5 && parts[n-2] == "rule" {
			parts = append(parts[:n-2], parts[n-1])
		}
		n := len(parts)
		if n < 4 || n > 5 || parts[n-3] != "v" || parts[n-4] == "" || parts[n-2] == "" || parts[n-1] == "" {
			continue
		}
		return asr.Standard{Name: parts[n-4], Version: parts[n-2], Control: parts[n-1]}
	}
	return asr.Standard{}
}

// controlOf finds a security control's id in the first text that has one:
//
//	security-control/S3.1
//	arn:aws:securityhub:us-east-1:111111111111:security-control/S3.1/finding/…
func controlOf(texts ...string) string {
	for _, text := range texts {
		_, rest, ok := strings.Cut(text, "security-control/")
		if id, _, _ := strings.Cut(rest, "/"); ok && id != "" && len(id) <= 64 {
			return id
		}
	}
	return ""
}

// productIs reports whether a product's ARN ends like "product/aws/config", in
// the first version of Security Hub or the second.
func productIs(arn, company, name string) bool {
	return strings.HasSuffix(arn, "product/"+company+"/"+name) || strings.HasSuffix(arn, "productv2/"+company+"/"+name)
}
