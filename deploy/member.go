package main

import "github.com/aws/aws-cdk-go/awscdk/v2"

func member(stack awscdk.Stack) error { isSet(stack, "X", "AWS::Region"); return nil }
