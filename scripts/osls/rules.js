// A plugin of serverless.yml: the framework's `resources` take no Rules, so they are added to what it made.
// CloudFormation then refuses parameters that cannot work together, as it does with template.yaml.
module.exports = class Rules {
  constructor(serverless) {
    this.hooks = {
      "before:package:finalize": () => {
        serverless.service.provider.compiledCloudFormationTemplate.Rules = serverless.service.custom.rules;
      },
    };
  }
};
