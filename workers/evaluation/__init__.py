"""The part of an evaluation that needs the model in this process: outputs, attacks and measures that need gradients."""
