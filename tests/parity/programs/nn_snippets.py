"""Layers, losses, optimizers and loaders, one expression a line: what it prints, or how it is refused."""

import warnings

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, optim, utils

names = {"np": np, "torch": torch, "F": F, "nn": nn, "optim": optim, "utils": utils}
SNIPPETS = """
nn.Linear(3,2)._get_name()
nn.Linear(-1,2)
nn.Linear(0,2)(torch.ones(2,0))
nn.Linear(3,2,bias=None)
nn.Linear(3,2,True,"cpu",torch.float64).weight.dtype
nn.Linear(3,2)(torch.ones(4,3).double())
nn.Linear(3,2)(3)
nn.Linear(3,2)([1,2,3])
nn.Linear(3,2)()
nn.Linear(3)
nn.Linear(in_features=3,out_feature=2)
nn.Conv2d(3,4,3).extra_repr()
nn.Conv2d(3,4,(3,5),stride=(2,1),padding=(4,2),dilation=(3,1))
nn.Conv2d(3,4,3,padding='same',stride=2)
nn.Conv2d(3,4,3,groups=2)
nn.Conv2d(4,6,3,groups=2).weight.shape
nn.Conv2d(1,1,3)(torch.ones(5,5))
nn.Conv2d(1,1,3)(torch.ones(1,5,5)).shape
nn.Conv2d(1,1,3)(torch.ones(1,2,5,5))
nn.Conv2d(1,1,3)._reversed_padding_repeated_twice
nn.Conv2d(1,1,3,padding=1)._conv_forward(torch.ones(1,1,3,3), torch.ones(1,1,3,3), None)
nn.ConvTranspose2d(1,2,3,output_padding=1,stride=2)(torch.ones(1,1,4,4), output_size=(10,10)).shape
nn.ConvTranspose2d(1,2,3,stride=2)(torch.ones(1,1,4,4), output_size=(10,10)).shape
nn.ConvTranspose2d(1,2,3,stride=2)(torch.ones(1,1,4,4), output_size=(20,10)).shape
nn.MaxPool2d(2,return_indices=True)(torch.arange(16.).view(1,1,4,4))
nn.MaxPool2d(2,ceil_mode=True)
nn.MaxPool2d((3,2),stride=(2,1))
nn.AvgPool2d(3,stride=2,count_include_pad=False)
nn.AdaptiveAvgPool2d((5,None))(torch.ones(1,1,3,4)).shape
nn.AdaptiveAvgPool2d((5,7))
nn.BatchNorm2d(3).__constants__
nn.BatchNorm2d(3).half().weight.dtype
nn.BatchNorm2d(3).to(torch.float64).running_mean.dtype
nn.BatchNorm1d(3)(torch.ones(2,3,dtype=torch.float64))
nn.Dropout(1.5)
nn.Dropout(p=0.3, inplace=True)
nn.Dropout2d(0.2)(torch.ones(2,3))
nn.Embedding(10,3,padding_idx=-1)
nn.Embedding(10,3,padding_idx=12)
nn.Embedding(4,3,max_norm=1.0)
nn.Embedding.from_pretrained(torch.ones(2,3))
nn.Embedding.from_pretrained(torch.ones(2,3)).weight.requires_grad
nn.Embedding(4,2)(torch.tensor([0.5]))
nn.Embedding(4,2,_weight=torch.ones(4,3))
nn.Flatten(0)(torch.ones(2,3)).shape
nn.Unflatten(1,(2,3))(torch.ones(2,6)).shape
nn.Unflatten(1,(2,3))
nn.Unflatten('a',((2,),))
nn.Softmax()(torch.ones(2,2))
nn.Softmax(dim=1)
nn.Softmax2d()(torch.ones(2,2))
nn.LogSoftmax(1)
nn.PReLU(3)
nn.PReLU().weight
nn.LeakyReLU(0.2,True)
nn.ELU(0.5)
nn.GELU('tanh')
nn.Hardtanh(-2,2)
nn.Hardtanh(2,-2)
nn.Threshold(0.1,20)
nn.Softplus(2,10)
nn.Softshrink(-1)(torch.ones(2))
nn.CrossEntropyLoss(reduction='foo')(torch.ones(2,3),torch.tensor([0,1]))
nn.CrossEntropyLoss(label_smoothing=2.)(torch.ones(2,3),torch.tensor([0,1]))
nn.CrossEntropyLoss(weight=torch.ones(3))
nn.CrossEntropyLoss().reduction
nn.CrossEntropyLoss(ignore_index=1)(torch.ones(2,3),torch.tensor([1,1]))
nn.CrossEntropyLoss()(torch.ones(2,3),torch.tensor([0.,1.]))
nn.CrossEntropyLoss()(torch.ones(2,3),torch.tensor([[0],[1]]))
nn.CrossEntropyLoss()(torch.ones(3,2),torch.tensor([0,1]))
nn.BCELoss()(torch.tensor([1.5]),torch.tensor([1.]))
nn.BCELoss()(torch.ones(2),torch.ones(2,1))
nn.BCELoss()(torch.ones(2),torch.ones(2).long())
nn.BCEWithLogitsLoss()(torch.ones(2),torch.ones(2,1))
nn.BCEWithLogitsLoss(pos_weight=torch.tensor([2.]))(torch.ones(2),torch.ones(2))
nn.MSELoss()(torch.ones(2,1),torch.ones(2))
nn.MSELoss(size_average=False)(torch.ones(2),torch.zeros(2))
nn.MSELoss()(torch.ones(2),torch.ones(3))
nn.NLLLoss()(torch.ones(2,3),torch.tensor([0,1]))
nn.KLDivLoss(reduction='batchmean')
nn.Module()(1)
nn.Module().parameters()
list(nn.Module().parameters())
nn.Sequential(3)
nn.Sequential(nn.ReLU)
nn.Sequential(nn.Linear(1,2),nn.ReLU())[5]
nn.Sequential(nn.Linear(1,2),nn.ReLU())['0']
nn.Sequential(nn.Linear(1,2),nn.ReLU())[:1]
nn.Sequential(nn.Linear(1,2),nn.ReLU()).append(nn.Tanh())
nn.Sequential(nn.ReLU()) + nn.Sequential(nn.Tanh())
nn.Sequential(nn.ReLU()).extend([nn.Tanh()])
nn.Sequential(nn.ReLU()).insert(0,nn.Tanh())
nn.Sequential(nn.ReLU(),nn.Tanh()).pop(0)
nn.Sequential(nn.ReLU()) * 2
nn.Sequential()(3)
nn.Sequential(nn.Linear(1,1))(torch.ones(1),torch.ones(1))
nn.ModuleList([nn.ReLU()])(1)
nn.ModuleList([nn.ReLU()]) + [nn.Tanh()]
nn.ModuleList([1])
nn.ModuleDict({'a':nn.ReLU()})['b']
nn.ModuleDict({'a.b':nn.ReLU()})
nn.ModuleDict([['a',nn.ReLU()]])
nn.ParameterList([1])
nn.Parameter(3)
nn.Parameter([1.])
nn.Parameter(torch.ones(2).long())
nn.Parameter(torch.ones(2).long(),requires_grad=False)
nn.Parameter(torch.ones(2)).data
nn.Parameter(torch.ones(2)).detach()
nn.Parameter(torch.ones(2)).clone()
nn.Parameter(torch.ones(2))*2
type(nn.Parameter(torch.ones(2)).data).__name__
optim.SGD([])
optim.SGD(nn.Linear(1,1).parameters())
optim.SGD(nn.Linear(1,1).parameters(),lr=-1)
optim.SGD(nn.Linear(1,1).parameters(),lr=0.1,nesterov=True)
optim.SGD(nn.Linear(1,1).parameters(),0.1,0.9)
optim.SGD([torch.ones(2)*torch.ones(2,requires_grad=True)],lr=0.1)
optim.SGD([{'params':[torch.ones(2)],'lr':1},{'lr':2}],lr=.1)
optim.SGD('abc',lr=.1)
optim.SGD([1],lr=.1)
optim.SGD({torch.ones(1)},lr=.1)
optim.SGD(nn.Linear(1,1),lr=.1)
optim.Adam(nn.Linear(1,1).parameters(),betas=(1,2))
optim.Adam(nn.Linear(1,1).parameters(),eps=-1)
optim.Adam(nn.Linear(1,1).parameters(),lr='a')
optim.RMSprop(nn.Linear(1,1).parameters(),momentum=-1)
optim.Adagrad(nn.Linear(1,1).parameters())
optim.Adadelta(nn.Linear(1,1).parameters(),rho=2)
optim.AdamW(nn.Linear(1,1).named_parameters())
optim.AdamW(nn.Linear(1,1).named_parameters()).param_groups[0]['param_names']
optim.SGD([torch.ones(1,requires_grad=True)],lr=.1).load_state_dict({'state':{}})
optim.SGD([torch.ones(1,requires_grad=True)],lr=.1).load_state_dict({'state':{},'param_groups':[]})
optim.SGD([torch.ones(1,requires_grad=True)],lr=.1).state_dict()
optim.SGD([torch.ones(1,requires_grad=True)],lr=.1).defaults
optim.Adam([torch.ones(1,requires_grad=True)]).defaults
optim.Adam([torch.ones(1,requires_grad=True)]).step()
optim.SGD([torch.ones(1,requires_grad=True)],lr=.1).step(lambda: 3)
optim.Optimizer([torch.ones(1,requires_grad=True)],{}).step()
optim.Adam([torch.ones(1,requires_grad=True)]).state
optim.SGD([torch.ones(1,requires_grad=True)],lr=.1).add_param_group({'params':[torch.ones(1)],'lr':5})
optim.SGD([torch.ones(1,requires_grad=True)],lr=.1).add_param_group([1])
optim.lr_scheduler.StepLR(optim.SGD([torch.ones(1,requires_grad=True)],lr=.1),2)
optim.lr_scheduler.StepLR(optim.SGD([torch.ones(1,requires_grad=True)],lr=.1),2).get_lr()
optim.lr_scheduler.StepLR(optim.SGD([torch.ones(1,requires_grad=True)],lr=.1),2,last_epoch=3)
optim.lr_scheduler.StepLR(optim.SGD([torch.ones(1,requires_grad=True)],lr=.1),2,verbose=True)
optim.lr_scheduler.MultiStepLR(optim.SGD([torch.ones(1,requires_grad=True)],lr=.1),[3,1])
optim.lr_scheduler.OneCycleLR(optim.SGD([torch.ones(1,requires_grad=True)],lr=.1),.1,total_steps=-3)
optim.lr_scheduler.OneCycleLR(optim.SGD([torch.ones(1,requires_grad=True)],lr=.1),.1,epochs=3)
optim.lr_scheduler.CosineAnnealingLR(optim.SGD([torch.ones(1,requires_grad=True)],lr=.1),0)
nn.utils.clip_grad_norm_(nn.Linear(1,1).parameters(),1.)
nn.utils.clip_grad_norm_(torch.ones(2,requires_grad=True),1.)
nn.utils.parameters_to_vector([torch.ones(2),torch.zeros(1,2)])
nn.utils.vector_to_parameters([1],[torch.ones(1)])
nn.init.xavier_uniform_(torch.ones(3))
nn.init.kaiming_normal_(torch.empty(2,2),nonlinearity='foo')
nn.init.calculate_gain('leaky_relu',0.2)
nn.init.calculate_gain('leaky_relu','a')
nn.init.calculate_gain('selu')
nn.init.constant_(torch.empty(2),3)
nn.init.zeros_(nn.Linear(1,1).bias)
nn.init.uniform_(torch.empty(2),3,1)
nn.init.eye_(torch.empty(2,2,2))
nn.init.orthogonal_(torch.empty(2))
nn.init.trunc_normal_(torch.empty(3),std=0.)
F.one_hot(torch.tensor([0,3]))
F.one_hot(torch.tensor([0,3]),2)
F.one_hot(torch.tensor([-1]))
F.one_hot(torch.tensor([1.]))
F.one_hot(torch.tensor([],dtype=torch.long))
F.pad(torch.ones(2),(1,))
F.pad(torch.ones(2),(1,1),mode='foo')
F.pad(torch.ones(1,2),(1,1),mode='reflect')
F.pad(torch.ones(1,2),(2,1),mode='reflect')
F.softmax(torch.ones(3))
F.dropout(torch.ones(3),p=2)
F.relu(torch.tensor([-1]))
F.relu('a')
F.sigmoid(torch.zeros(2))
F.tanh(torch.zeros(2))
F.normalize(torch.tensor([3.,4.]),dim=0)
F.cosine_similarity(torch.ones(2,2),torch.ones(2,2))
F.pairwise_distance(torch.ones(2,2),torch.zeros(2,2))
F.max_pool2d(torch.ones(1,1,2,2),3)
F.max_pool2d(torch.ones(1,1,4,4),2,padding=2)
F.avg_pool1d(torch.ones(1,1,4),2)
F.adaptive_avg_pool2d(torch.ones(1,1,4,4),(2,))
F.linear(torch.ones(2),torch.ones(3,2),torch.ones(3))
F.linear(torch.ones(2),torch.ones(2))
F.embedding(torch.tensor([1]),torch.ones(2,2))
F.layer_norm(torch.ones(2,3),(2,))
F.layer_norm(torch.ones(2,3),3)
F.group_norm(torch.ones(2,3),2)
F.batch_norm(torch.ones(2,3),None,None)
F.instance_norm(torch.ones(2,3))
F.unfold(torch.ones(1,1,3,3),2).shape
F.pixel_shuffle(torch.ones(1,4,2,2),2).shape
F.hardtanh_(torch.ones(2)*3)
nn.Module().register_buffer('a',3)
nn.Module().register_parameter('a',torch.ones(1))
nn.Module().foo
setattr(nn.Module(),'training',3)
nn.Linear(1,1).load_state_dict({'weight':torch.ones(1,1)})
nn.Linear(1,1).load_state_dict({'weight':torch.ones(1,1),'bias':torch.ones(1),'c':torch.ones(1)})
nn.Linear(1,1).load_state_dict({'weight':torch.ones(2,1),'bias':torch.ones(1)})
nn.Linear(1,1).load_state_dict({'weight':torch.ones(1,1)},strict=False)
nn.Linear(1,1).load_state_dict([1])
nn.Linear(1,1).state_dict(prefix='a.').keys()
nn.Linear(1,1).to('cuda')
nn.Linear(1,1).to('foo')
nn.Linear(1,1).train('yes')
nn.Linear(1,1).apply(print)
nn.Linear(1,1).double().weight.dtype
nn.Linear(1,1).requires_grad_(False).weight
nn.Linear(1,1) == nn.Linear(1,1)
nn.Linear(1,1).weight.grad
nn.LazyLinear(3)
nn.LazyLinear(3).weight
nn.LazyLinear(3).weight.shape
nn.LazyConv2d(3,2)
utils.data.DataLoader([1,2,3],batch_size=2).__len__()
next(iter(utils.data.DataLoader([1,2,3],batch_size=2)))
utils.data.random_split(range(10),[3,3])
torch.manual_seed('a')
torch.manual_seed(-1) is not None
torch.Generator('cpu').device
torch.Generator().initial_seed()
torch.autograd.set_detect_anomaly(True).__class__.__name__
torch.no_grad().__class__
torch.save
torch.nn.modules.batchnorm.BatchNorm2d
type(nn.Linear(1,1))
nn.Linear
torch.Tensor
torch.optim.SGD
torch.float32.__class__
torch.utils.data.DataLoader
nn.functional.relu
torch.ones(1).grad_fn
torch.ones(1,requires_grad=True).exp().grad_fn.next_functions
torch.ones(2).expand(2,2).add_(1)
nn.Conv2d(3,6,5)(torch.randn(1,3,32,32)).grad_fn.__class__.__name__
nn.Linear(2,1)(torch.ones(3,2)).squeeze().grad_fn
list(nn.Linear(1,2).named_parameters())[0][0]
dict(nn.Sequential(nn.Linear(1,2)).named_modules()).keys()
len(dir(nn.Linear(1,2)))>50
nn.Linear.__doc__ is not None
nn.Linear(3,2)(np.ones(3))
nn.Conv2d(3,2,1)(3)
nn.ConvTranspose2d(3,2,1)([1.0])
nn.Sequential(F.relu)
nn.Sequential(nn.ReLU)
nn.ModuleDict({"a": int})
nn.BatchNorm1d(3)(np.ones((2,3)))
nn.LayerNorm(3)(3)
nn.ReLU()(None)
nn.Linear(3,2)(foo=1)
nn.CrossEntropyLoss()(torch.ones(2), None)
nn.Embedding(3,2)([1])
nn.Linear(1,1).compile is None
"""

for snippet in SNIPPETS.strip().splitlines():
    torch.manual_seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = repr(eval(snippet, names))
        except Exception as error:
            result = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    print(snippet, "->", result, *(f"[{w.category.__name__}: {w.message}]" for w in caught))
