package org

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"example.com/asr/sessions"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
)

// importFindings calls Security Hub's BatchImportFindings by hand: the client's
// own way of writing all kinds of findings is a megabyte of every asr.
func importFindings(ctx context.Context, cfg aws.Config, all []types.AwsSecurityFinding) error {
	body, err := json.Marshal(map[string]any{"Findings": all})
	if err != nil {
		return err
	}
	var doc any
	if err := json.Unmarshal(body, &doc); err != nil {
		return err
	}
	if body, err = json.Marshal(withoutVoid(doc)); err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, *cfg.BaseEndpoint+"/findings/import", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if err := sessions.Sign(ctx, cfg, "securityhub", r, body); err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close() // only read
	return imported(resp)
}

// imported is what the answer says of findings that were not taken.
func imported(resp *http.Response) error {
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("BatchImportFindings: %s: %s", resp.Status, text)
	}
	var out struct {
		FailedFindings []struct{ ID, ErrorMessage string }
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return err
	}
	for _, f := range out.FailedFindings {
		return errors.New(f.ID + ": " + f.ErrorMessage)
	}
	return nil
}

// withoutVoid leaves out what isn't set, as the client does. Tags may be empty.
func withoutVoid(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			switch {
			case inner == nil || inner == "":
				delete(v, key)
			case key != "Tags":
				v[key] = withoutVoid(inner)
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutVoid(v[i])
		}
	}
	return v
}
