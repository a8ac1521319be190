package org

import (
	"context"

	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// passwords is an account's password policy: one that asks for six characters, or a good one.
type passwords struct{ good bool }

func (p passwords) build(ctx context.Context, b *site) error {
	in := &iam.UpdateAccountPasswordPolicyInput{MinimumPasswordLength: aws.Int32(6), AllowUsersToChangePassword: true}
	if p.good {
		in = &iam.UpdateAccountPasswordPolicyInput{
			MinimumPasswordLength: aws.Int32(16), RequireLowercaseCharacters: true, RequireUppercaseCharacters: true, RequireNumbers: true, RequireSymbols: true,
			PasswordReusePrevention: aws.Int32(24), MaxPasswordAge: aws.Int32(90), AllowUsersToChangePassword: true,
		}
	} else {
		b.wrong("IAM.7", accountARN(b.account), "the password policy is weak")
	}
	_, err := iam.NewFromConfig(b.Config).UpdateAccountPasswordPolicy(ctx, in)
	return err
}

// noPasswords is how accounts begin.
func noPasswords(_ context.Context, b *site) error {
	b.wrong("IAM.7", accountARN(b.account), "there is no password policy")
	return nil
}

// user is an IAM user. Ages are in days.
type user struct {
	name     string
	path     string // "": /
	tags     tags
	key      int // age of its access key; 0: it has none
	keyUsed  int // days since the key was used
	password int // days since it signed in to the console; 0: it can't
	mfa      bool
}

func (u user) build(ctx context.Context, b *site) error {
	if u.path == "" {
		u.path = "/"
	}
	api := iam.NewFromConfig(b.Config)
	if _, err := api.CreateUser(ctx, &iam.CreateUserInput{UserName: &u.name, Path: &u.path, Tags: as(u.tags, func(key, value *string) iamtypes.Tag { return iamtypes.Tag{Key: key, Value: value} })}); err != nil {
		return err
	}
	if err := b.s.Backdate(ctx, b.account, sandbox.UserCreated, u.name, b.ago(max(u.key, u.password, 30))); err != nil {
		return err
	}
	u.note(b)
	if err := u.hold(ctx, b, api); err != nil {
		return err
	}
	return u.signIn(ctx, b, api)
}

// note tells the worst of what is wrong.
func (u user) note(b *site) {
	arn := "arn:aws:iam::" + b.account + ":user" + u.path + u.name
	idle := max(u.keyUsed, u.password)
	switch {
	case idle > 90:
		b.wrong("IAM.8", arn, "its credentials have been unused for months")
	case idle > 45:
		b.wrong("IAM.22", arn, "its credentials have been unused for weeks")
	case u.key > 90:
		b.wrong("IAM.3", arn, "its access key is old")
	case u.password > 0 && !u.mfa:
		b.wrong("IAM.5", arn, "signs in with nothing but a password")
	}
}

// hold gives the user its access key.
func (u user) hold(ctx context.Context, b *site, api *iam.Client) error {
	if u.key == 0 {
		return nil
	}
	made, err := api.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &u.name})
	if err != nil {
		return err
	}
	id := *made.AccessKey.AccessKeyId
	if err := b.s.Backdate(ctx, b.account, sandbox.AccessKeyCreated, id, b.ago(u.key)); err != nil {
		return err
	}
	return b.s.Backdate(ctx, b.account, sandbox.AccessKeyUsed, id, b.ago(u.keyUsed))
}

// signIn gives the user its password.
func (u user) signIn(ctx context.Context, b *site, api *iam.Client) error {
	if u.password == 0 {
		return nil
	}
	if _, err := api.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: &u.name, Password: aws.String("Correct-Horse-7")}); err != nil {
		return err
	}
	if u.mfa {
		device, err := api.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: &u.name})
		if err != nil {
			return err
		}
		if _, err := api.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{
			UserName: &u.name, SerialNumber: device.VirtualMFADevice.SerialNumber, AuthenticationCode1: aws.String("123456"), AuthenticationCode2: aws.String("654321"),
		}); err != nil {
			return err
		}
	}
	return b.s.Backdate(ctx, b.account, sandbox.PasswordUsed, u.name, b.ago(u.password))
}
