// Package importasr turns the settings of AWS's solution Automated Security
// Response on AWS into a policy file. It only reads them, makes nothing automatic
// that wasn't, and names whatever it can't say in a policy.
package importasr
